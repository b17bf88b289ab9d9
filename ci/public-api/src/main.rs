//! Prints one line for each public item of the crate whose rustdoc JSON is named.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let json = std::env::args_os().nth(1).ok_or("usage: public-api-listing JSON")?;
    // What std implements for every type says nothing about this crate.
    print!("{}", public_api::Builder::from_rustdoc_json(json).omit_blanket_impls(true).build()?);
    Ok(())
}
