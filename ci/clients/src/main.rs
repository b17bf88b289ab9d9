//! Loads a shared library by elf_loader, with baremap and with elf_loader's own memory mapping.

use clients::load;
use clients::mapper::Baremap;
use elf_loader::os::{DefaultMmap, Mmap};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};
use std::{env, fs};

/// Data that is relocated, data that is written, memory that is zeroed, and a table that becomes read-only.
const SOURCE: &str = r#"
static int start = 41;
static int *const address = &start;
static unsigned char zeros[100000];
int next(void) { return *address + ++zeros[99999]; }
int sum(void) { int sum = 0; for (int i = 0; i < 100000; i++) sum += zeros[i]; return sum; }
"#;

/// The library, in a folder of its own that is removed in the end.
struct Library(PathBuf);

impl Library {
    fn compile() -> Self {
        let folder = env::temp_dir().join(format!("baremap-clients-{}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        let library = Self(folder);
        fs::write(library.0.join("next.c"), SOURCE).unwrap();
        let mut cc = Command::new("cc");
        cc.args([
            "-shared",
            "-fPIC",
            "-O1",
            "-nostdlib",
            "-Wl,-z,relro,-z,now",
            "-o",
            "libnext.so",
            "next.c",
        ]);
        assert!(cc.current_dir(&library.0).status().unwrap().success());
        library
    }

    fn path(&self) -> String {
        self.0.join("libnext.so").to_str().unwrap().to_owned()
    }
}

impl Drop for Library {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// How many mappings this process has.
fn mappings() -> usize {
    fs::read_to_string("/proc/self/maps").unwrap().lines().count()
}

/// The time of a load, at best.
fn time(mapper: impl Mmap + Copy, path: &str) -> Duration {
    let time = |_| {
        let start = Instant::now();
        load(mapper, path);
        start.elapsed()
    };
    (0..2000).map(time).min().unwrap()
}

fn main() {
    let library = Library::compile();
    let path = library.path();
    load(Baremap::new(), &path);
    let before = mappings();
    for _ in 0..100 {
        load(Baremap::new(), &path);
    }
    assert_eq!(mappings(), before, "a mapping was left");
    let (own, baremap) = (time(DefaultMmap, &path), time(Baremap::new(), &path));
    println!("elf_loader, load, call and unload: {own:?} with its own mapper, {baremap:?} with baremap");
    println!("2 passed, 0 failed, 0 skipped");
}
