//! Dividing, joining, extending and resizing with each call failing.

use crate::faults::{Folder, GRANULARITY, each, is_accessible, is_whole};
use crate::hooks::Log;
use baremap::access::{Access, Write};
use baremap::{Error, File, Flags, Mapping, Mmap, Prot, Refused, Reservation};

pub const CHECKS: &[(&str, fn())] = &[
    ("join reservations", join_reservations),
    ("split off", split_off),
    ("join", join),
    ("extend memory", extend_memory),
    ("extend a view", extend_view),
    ("resize", resize),
    ("unmap pieces", unmap_pieces),
    ("pieces to a reservation", pieces_to_reservation),
    ("protect pieces", protect_pieces),
    ("lock and flush pieces", lock_pieces),
];

const KINDS: [(Prot, Flags); 3] =
    [(Prot::READ, Flags::empty()), (Prot::WRITE, Flags::empty()), (Prot::READ, Flags::COW)];

/// The bytes of the check's file.
fn byte(i: usize) -> u8 {
    (i % 251) as u8
}

fn file(folder: &Folder) -> File {
    let path = folder.path("long");
    let file = File::create(&path).unwrap();
    let contents: Vec<_> = (0..4 * GRANULARITY).map(byte).collect();
    assert_eq!(file.write_at(&contents, 0), Ok(contents.len()));
    file
}

/// What to map: memory, or a file.
#[derive(Clone, Copy)]
struct What<'f> {
    file: Option<&'f File>,
    prot: Prot,
    flags: Flags,
}

fn everything(file: &File) -> [What<'_>; 4] {
    let [read, write, copy] = KINDS.map(|(prot, flags)| What { file: Some(file), prot, flags });
    [What { file: None, prot: Prot::WRITE, flags: Flags::empty() }, read, write, copy]
}

impl What<'_> {
    fn map_in(self, offset: usize, len: usize, reservation: Reservation) -> Mapping {
        let Self { file, prot, flags } = self;
        match file {
            None => Mmap::anon(len).prot(prot).map_in(reservation).unwrap(),
            Some(file) => {
                let request = Mmap::new(file).offset(offset as u64).len(len).prot(prot).flags(flags);
                // SAFETY: no other process has the file, here and below.
                unsafe { request.map_in(reservation) }.unwrap()
            }
        }
    }

    /// A mapping of several pieces.
    fn pieces(self, count: usize) -> Mapping {
        let mut rest = Reservation::new((count + 1) * GRANULARITY).unwrap();
        let mut map = Mapping::default();
        for i in 0..count {
            let (first, next) = rest.split(GRANULARITY).unwrap();
            map.join(self.map_in(i * GRANULARITY, GRANULARITY, first)).unwrap();
            rest = next;
        }
        map
    }

    fn extend<A: Access>(
        self,
        len: usize,
        map: &mut Mapping<A>,
        rest: &mut Reservation,
    ) -> Result<(), Error> {
        match self.file {
            None => Mmap::anon(len).extend(map, rest),
            // SAFETY: as above.
            Some(file) => unsafe { Mmap::new(file).len(len).flags(self.flags).extend(map, rest) },
        }
    }

    /// The mapping has this length, and its contents.
    #[track_caller]
    fn has(self, map: &Mapping, len: usize) {
        assert_eq!(map.len(), len);
        is_accessible(map);
        let expected = |i| if self.file.is_none() { 0 } else { byte(i) };
        assert!(map.iter().enumerate().all(|(i, &b)| b == expected(i)), "{map:?}");
    }
}

/// What happens to pieces after the first one is not told, and they leak.
fn leaks(failed: &[&str]) -> bool {
    failed
        .iter()
        .any(|call| ["UnmapViewOfFile", "UnmapViewOfFile2", "VirtualFree", "GetProcAddress"].contains(call))
}

/// If a piece cannot be found after the first one, all from there leak.
fn loses(failed: &[&str]) -> bool {
    leaks(failed) || failed.contains(&"VirtualQuery")
}

fn none(_: &[&str]) -> bool {
    false
}

fn join_reservations() {
    // The first one consists of two placeholders.
    let folder = Folder::new("join_reservations");
    let file = file(&folder);
    let halves = || {
        let (first, next) = Reservation::new(4 * GRANULARITY).unwrap().split(2 * GRANULARITY).unwrap();
        let view = everything(&file)[1].map_in(0, GRANULARITY + 5000, first);
        (view.into_reservation().unwrap(), next)
    };
    let check = |result: Result<Reservation, Refused<(Reservation, Reservation)>>, _: &Log| match result {
        Ok(whole) => is_whole(whole, 4 * GRANULARITY),
        Err(Refused { value: (first, next), .. }) => {
            is_whole(first, 2 * GRANULARITY);
            is_whole(next, 2 * GRANULARITY);
        }
    };
    each(halves, |(first, next)| first.join(next), check, none);
}

fn split_off() {
    let folder = Folder::new("split_off");
    let file = file(&folder);
    for what in everything(&file) {
        each(
            || what.pieces(3),
            |mut map| (map.split_off(GRANULARITY), map),
            |(rest, map), _| {
                let len = if rest.is_ok() { GRANULARITY } else { 3 * GRANULARITY };
                what.has(&map, len);
                is_whole(map.into_reservation().unwrap(), len);
                if let Ok(rest) = rest {
                    is_accessible(&rest);
                    rest.unmap().unwrap();
                }
            },
            none,
        );
    }
}

fn join() {
    let folder = Folder::new("join");
    let file = file(&folder);
    for what in everything(&file) {
        each(
            || {
                let (first, next) = Reservation::new(2 * GRANULARITY).unwrap().split(GRANULARITY).unwrap();
                (what.map_in(0, GRANULARITY, first), what.map_in(GRANULARITY, GRANULARITY - 1, next))
            },
            |(mut first, next)| (first.join(next), first),
            |(result, first), _| {
                let joined = 2 * GRANULARITY - 1;
                what.has(&first, if result.is_ok() { joined } else { GRANULARITY });
                if let Err(Refused { value, .. }) = result {
                    is_accessible(&value);
                    is_whole(value.into_reservation().unwrap(), GRANULARITY);
                    is_whole(first.into_reservation().unwrap(), GRANULARITY);
                } else {
                    is_whole(first.into_reservation().unwrap(), 2 * GRANULARITY);
                }
            },
            none,
        );
    }
}

/// By what is left of the last granule, and by a part of the reservation.
#[track_caller]
fn check_extend(what: What<'_>, lock: Flags) {
    const OLD: usize = 5000;
    for new in [OLD + 100, GRANULARITY / 2, GRANULARITY, 2 * GRANULARITY + 7, 3 * GRANULARITY] {
        let locked = What { flags: what.flags | lock, ..what };
        each(
            || {
                let (first, rest) = Reservation::new(4 * GRANULARITY).unwrap().split(GRANULARITY).unwrap();
                (what.map_in(0, OLD, first), rest)
            },
            |(mut map, mut rest)| {
                let result = match what.file {
                    None => Mmap::anon(new).flags(lock).extend(&mut map, &mut rest),
                    Some(_) => locked.extend(new, &mut map, &mut rest),
                };
                (result, map, rest)
            },
            |(result, map, rest), log| {
                what.has(&map, if result.is_ok() { new } else { OLD });
                let taken = new.next_multiple_of(GRANULARITY) - GRANULARITY;
                if result.is_ok() {
                    is_whole(rest, 3 * GRANULARITY - taken);
                } else if rest.len() == 3 * GRANULARITY {
                    is_whole(rest, 3 * GRANULARITY);
                } else {
                    // Undoing failed too.
                    assert_eq!(rest.len(), 3 * GRANULARITY - taken);
                    assert!(leaks(&log.calls) || log.calls.contains(&"VirtualLock"), "{:?}", log.calls);
                }
                let len = if result.is_ok() { GRANULARITY + taken } else { GRANULARITY };
                is_whole(map.into_reservation().unwrap(), len);
            },
            leaks,
        );
    }
}

fn extend_memory() {
    for flags in [Flags::empty(), Flags::LOCKED, Flags::POPULATE] {
        check_extend(What { file: None, prot: Prot::WRITE, flags: Flags::empty() }, flags);
    }
}

fn extend_view() {
    let folder = Folder::new("extend");
    let file = file(&folder);
    for what in everything(&file).into_iter().skip(1) {
        check_extend(what, Flags::empty());
    }
    check_extend(everything(&file)[2], Flags::LOCKED);
}

/// To less and to more, of one piece and of several.
fn resize() {
    let folder = Folder::new("resize");
    let file = file(&folder);
    for what in everything(&file) {
        for count in [1, 3] {
            let old = count * GRANULARITY;
            for new in
                [100, GRANULARITY / 2, GRANULARITY, GRANULARITY + 1, 2 * GRANULARITY, 4 * GRANULARITY - 1]
            {
                if new == old {
                    continue;
                }
                let resize = |mut map: Mapping| {
                    let result = match what.file {
                        None => Mmap::anon(new).resize(&mut map),
                        // SAFETY: as above.
                        Some(file) => unsafe { Mmap::new(file).len(new).flags(what.flags).resize(&mut map) },
                    };
                    (result, map)
                };
                each(
                    || what.pieces(count),
                    resize,
                    |(result, map), _| {
                        what.has(&map, if result.is_ok() { new } else { old });
                        map.unmap().unwrap();
                    },
                    loses,
                );
            }
        }
    }
}

/// If the first piece stays, all stays.
fn unmap_pieces() {
    let folder = Folder::new("unmap_pieces");
    let file = file(&folder);
    for what in everything(&file) {
        let check = |result: Result<(), Refused<Mapping>>, _: &Log| {
            if let Err(refused) = result {
                what.has(&refused.value, 3 * GRANULARITY);
                refused.value.unmap().unwrap();
            }
        };
        each(|| what.pieces(3), Mapping::unmap, check, loses);
    }
}

fn pieces_to_reservation() {
    let folder = Folder::new("pieces_to_reservation");
    let file = file(&folder);
    for what in everything(&file) {
        let check = |result: Result<Reservation, Refused<Mapping>>, _: &Log| match result {
            Ok(reservation) => is_whole(reservation, 3 * GRANULARITY),
            Err(refused) if refused.value.is_empty() => {}
            Err(refused) => {
                what.has(&refused.value, 3 * GRANULARITY);
                is_whole(refused.value.into_reservation().unwrap(), 3 * GRANULARITY);
            }
        };
        each(|| what.pieces(3), Mapping::into_reservation, check, loses);
    }
}

fn protect_pieces() {
    let folder = Folder::new("protect_pieces");
    let file = file(&folder);
    let [memory, _, shared, _] = everything(&file);
    for what in [memory, shared] {
        each(
            || what.pieces(3),
            |mut map| (map.protect(Prot::READ), map),
            |(result, map), _| {
                what.has(&map, 3 * GRANULARITY);
                assert_eq!(map.prot(), Prot::READ, "{result:?}");
                let map = map.into_mut().unwrap();
                is_accessible::<Write>(&map);
            },
            none,
        );
    }
}

fn lock_pieces() {
    let folder = Folder::new("lock_pieces");
    let file = file(&folder);
    let [memory, _, shared, _] = everything(&file);
    for what in [memory, shared] {
        each(
            || what.pieces(2),
            |map| (map.lock(), map.flush(), map.unlock(), map),
            |(.., map), _| what.has(&map, 2 * GRANULARITY),
            none,
        );
    }
}
