//! Loads a library by one mapper, to compare the sizes of the programs.

fn main() {
    let path = std::env::args().nth(1).expect("the path of a library");
    clients::load(clients::mapper::Baremap::new(), &path);
}
