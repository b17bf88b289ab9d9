//! Loads a shared library by elf_loader.

pub mod mapper;

use elf_loader::os::Mmap;
use elf_loader::{AddressSpaceId, Domain, Loader, Relocator};

type Function = extern "C" fn() -> i32;

/// Loads the library that `main.rs` compiles, calls its functions, and unloads it.
pub fn load(mapper: impl Mmap, path: &str) {
    let loader = Loader::new().with_mmap(mapper);
    let mut run = loader.run(Domain::native(AddressSpaceId::PROCESS));
    let library = Relocator::new().run(run.load_dylib(path).unwrap()).relocate().unwrap();
    let function = |name| {
        // SAFETY: the type is that of both functions.
        *unsafe { library.get::<Function>(name) }.unwrap().unwrap()
    };
    let (next, sum) = (function("next"), function("sum"));
    assert_eq!([next(), next(), sum()], [42, 43, 2]);
}
