//! expects: range: impl RangeBounds<usize>, advice: Advice

use baremap::{Advice, Mmap};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::fs::File::open("data")?;
    let map = unsafe { Mmap::new(&file).map()? };
    map.advise_range(Advice::WillNeed, 0, 10)?;
    Ok(())
}
