//! The only place that reads the target. It chooses the backend, and where the backend has one, the
//! architecture's file, and hands `src/sys/mod.rs` their paths. So `src/` holds no ladder of `cfg`s:
//! a new system or architecture is one file and one line here.

use std::{env, fs, path::Path, process::exit};

/// System, architecture and its pointers' bits, and the modules: the backend's file and, where it has one, the
/// architecture's, both under `src/sys/`. x32 and ILP32 have other call numbers under the same architecture's name.
const SUPPORTED: &[(&str, &str, &str, &[Module])] = &[
    ("linux", "x86_64", "64", &[("backend", "linux/mod.rs"), ("arch", "linux/x86_64.rs")]),
    ("linux", "aarch64", "64", &[("backend", "linux/mod.rs"), ("arch", "linux/aarch64.rs")]),
    ("macos", "x86_64", "64", &[("backend", "apple.rs")]),
    ("macos", "aarch64", "64", &[("backend", "apple.rs")]),
    ("windows", "x86_64", "64", &[("backend", "windows.rs")]),
    ("windows", "aarch64", "64", &[("backend", "windows.rs")]),
    ("windows", "x86", "32", &[("backend", "windows.rs")]),
];

/// Name and file.
type Module = (&'static str, &'static str);

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let target = |key| env::var(format!("CARGO_CFG_TARGET_{key}")).unwrap_or_default();
    let (os, arch, width) = (target("OS"), target("ARCH"), target("POINTER_WIDTH"));
    let Some((.., modules)) = SUPPORTED.iter().find(|row| (row.0, row.1, row.2) == (&os, &arch, &width))
    else {
        let supported: Vec<String> =
            SUPPORTED.iter().map(|row| format!("{} on {} ({} bits)", row.0, row.1, row.2)).collect();
        println!(
            "cargo::error=baremap does not support {}; it supports {}",
            env::var("TARGET").unwrap_or_default(),
            supported.join(", ")
        );
        exit(1);
    };
    let sys = Path::new(&env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("src").join("sys");
    let modules: String =
        modules.iter().map(|(name, file)| format!("#[path = {:?}]\nmod {name};\n", sys.join(file))).collect();
    fs::write(Path::new(&env::var_os("OUT_DIR").unwrap()).join("backend.rs"), modules).unwrap();
}
