//! Fills a database, reads all of it and closes it: `fill FOLDER`. An example in both copies of parity-db.

use parity_db::{Db, Options};
use std::path::Path;

const COUNT: u32 = 50_000;

/// Keys are hashed by the database; values have 0 to 999 bytes.
fn value(i: u32) -> Vec<u8> {
    let len = i.wrapping_mul(7919) % 1000;
    (0..len).map(|at| (i ^ at) as u8).collect()
}

fn main() {
    let folder = std::env::args().nth(1).expect("a folder");
    let db = Db::open_or_create(&Options::with_columns(Path::new(&folder), 1)).unwrap();
    for from in (0..COUNT).step_by(1000) {
        db.commit((from..from + 1000).map(|i| (0, i.to_le_bytes(), Some(value(i))))).unwrap();
    }
    let mut bytes = 0;
    for i in 0..COUNT {
        let read = db.get(0, &i.to_le_bytes()).unwrap();
        assert_eq!(read, Some(value(i)));
        bytes += value(i).len();
    }
    drop(db);
    println!("{COUNT} values, {bytes} bytes");
}
