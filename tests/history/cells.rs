//! The contents that memory should have.

use std::ops::Range;

/// Values of ranges, from 0 to the end without a gap.
#[derive(Debug)]
pub struct Runs<T>(Vec<(Range<usize>, T)>);

impl<T: Copy + PartialEq> Runs<T> {
    pub fn new(len: usize, value: T) -> Self {
        let mut runs = Self(vec![]);
        runs.push(len, value);
        runs
    }

    pub fn len(&self) -> usize {
        self.0.last().map_or(0, |(run, _)| run.end)
    }

    /// The runs inside a range.
    pub fn of(&self, range: Range<usize>) -> impl Iterator<Item = (Range<usize>, T)> {
        let clipped = move |run: &Range<usize>| run.start.max(range.start)..run.end.min(range.end);
        self.0.iter().map(move |(run, value)| (clipped(run), *value)).filter(|(run, _)| !run.is_empty())
    }

    pub fn push(&mut self, len: usize, value: T) {
        let start = self.len();
        match self.0.last_mut() {
            _ if len == 0 => {}
            Some((last, same)) if *same == value => last.end += len,
            _ => self.0.push((start..start + len, value)),
        }
    }

    pub fn set(&mut self, range: Range<usize>, value: T) {
        if range.is_empty() {
            return;
        }
        let mut runs = Self(vec![]);
        let before = self.of(0..range.start);
        for (run, value) in before.chain([(range.clone(), value)]).chain(self.of(range.end..self.len())) {
            runs.push(run.len(), value);
        }
        *self = runs;
    }

    pub fn split_off(&mut self, at: usize) -> Self {
        let (mut first, mut rest) = (Self(vec![]), Self(vec![]));
        self.of(0..at).for_each(|(run, value)| first.push(run.len(), value));
        self.of(at..self.len()).for_each(|(run, value)| rest.push(run.len(), value));
        *self = first;
        rest
    }

    pub fn append(&mut self, next: Self) {
        next.of(0..next.len()).for_each(|(run, value)| self.push(run.len(), value));
    }
}

/// What is known of a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is the file's.
    File,
    /// It is the mapping's own.
    Own,
    /// It may be anything.
    Undefined,
}

/// The bytes of memory that are not a file's, and which these are.
#[derive(Debug)]
pub struct Cells {
    bytes: Vec<u8>,
    pub states: Runs<State>,
}

impl Cells {
    pub fn new(len: usize, state: State) -> Self {
        Self { bytes: vec![0; len], states: Runs::new(len, state) }
    }

    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    pub fn bytes(&self, range: Range<usize>) -> &[u8] {
        &self.bytes[range]
    }

    /// Sets bytes and makes them the mapping's own.
    pub fn fill(&mut self, at: usize, bytes: impl IntoIterator<Item = u8>) {
        let mut end = at;
        for byte in bytes {
            self.bytes[end] = byte;
            end += 1;
        }
        self.states.set(at..end, State::Own);
    }

    /// Changes what is in one state to another.
    pub fn change(&mut self, range: Range<usize>, from: State, to: State) {
        let runs: Vec<_> = self.states.of(range).filter(|run| run.1 == from).collect();
        runs.into_iter().for_each(|(run, _)| self.states.set(run, to));
    }

    /// Adds bytes at the end, 0 if they are the mapping's own.
    pub fn push(&mut self, len: usize, state: State) {
        self.bytes.resize(self.len() + len, 0);
        self.states.push(len, state);
    }

    pub fn split_off(&mut self, at: usize) -> Self {
        Self { bytes: self.bytes.split_off(at), states: self.states.split_off(at) }
    }
}
