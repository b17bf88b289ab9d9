//! expects: baremap_backend = "custom"

use baremap::custom::Backend;

struct Kernel;

static KERNEL: Kernel = Kernel;

baremap::custom_backend!(KERNEL);

fn main() {}
