//! The contents that memory should have.

use std::ops::Range;

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

/// The bytes of a mapping that are not a file's, and which these are.
#[derive(Debug)]
pub struct Cells {
    bytes: Vec<u8>,
    /// From 0 to the end without a gap.
    runs: Vec<(Range<usize>, State)>,
}

impl Cells {
    pub fn new(len: usize, state: State) -> Self {
        let mut cells = Self { bytes: vec![0; len], runs: vec![] };
        cells.set(0..len, state);
        cells
    }

    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The runs inside a range.
    pub fn runs(&self, range: Range<usize>) -> impl Iterator<Item = (Range<usize>, State)> {
        let clipped = move |run: &Range<usize>| run.start.max(range.start)..run.end.min(range.end);
        self.runs.iter().map(move |(run, state)| (clipped(run), *state)).filter(|(run, _)| !run.is_empty())
    }

    pub fn bytes(&self, range: Range<usize>) -> &[u8] {
        &self.bytes[range]
    }

    pub fn set(&mut self, range: Range<usize>, state: State) {
        let len = self.len();
        let before = self.runs(0..range.start.min(len));
        let runs: Vec<_> = before.chain([(range.clone(), state)]).chain(self.runs(range.end..len)).collect();
        self.runs.clear();
        for (run, state) in runs.into_iter().filter(|(run, _)| !run.is_empty()) {
            match self.runs.last_mut() {
                Some((last, same)) if *same == state => last.end = run.end,
                _ => self.runs.push((run, state)),
            }
        }
    }

    /// Sets bytes and makes them the mapping's own.
    pub fn fill(&mut self, at: usize, bytes: impl IntoIterator<Item = u8>) {
        let mut end = at;
        for byte in bytes {
            self.bytes[end] = byte;
            end += 1;
        }
        self.set(at..end, State::Own);
    }

    /// Changes what is in one state to another.
    pub fn change(&mut self, range: Range<usize>, from: State, to: State) {
        let runs: Vec<_> = self.runs(range).filter(|run| run.1 == from).collect();
        runs.into_iter().for_each(|(run, _)| self.set(run, to));
    }
}
