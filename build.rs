//! The only place that reads the target. It chooses the backend, and where the backend has one, the
//! architecture's file, and hands `src/sys/mod.rs` their paths. So `src/` holds no ladder of `cfg`s:
//! a new system or architecture is one file and one line here.

use std::{env, fs, path::Path, process::exit};

/// System, architecture, the backend's file and the architecture's file, both under `src/sys/`.
const SUPPORTED: &[(&str, &str, &str, &str)] = &[
    ("linux", "x86_64", "linux/mod.rs", "linux/x86_64.rs"),
    ("linux", "aarch64", "linux/mod.rs", "linux/aarch64.rs"),
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let target = |key| env::var(format!("CARGO_CFG_TARGET_{key}")).unwrap_or_default();
    let (os, arch) = (target("OS"), target("ARCH"));
    // x32 and ILP32 have other call numbers and layouts under the same architecture's name.
    let row = SUPPORTED.iter().find(|row| (row.0, row.1) == (&os, &arch) && target("POINTER_WIDTH") == "64");
    let Some((_, _, backend, stubs)) = row else {
        let supported: Vec<String> = SUPPORTED.iter().map(|row| format!("{} on {}", row.0, row.1)).collect();
        println!(
            "cargo::error=baremap does not support {}; it supports {} (64-bit pointers)",
            env::var("TARGET").unwrap_or_default(),
            supported.join(" and ")
        );
        exit(1);
    };
    let sys = Path::new(&env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("src").join("sys");
    let modules = format!(
        "#[path = {:?}]\nmod backend;\n#[path = {:?}]\nmod arch;\n",
        sys.join(backend),
        sys.join(stubs)
    );
    fs::write(Path::new(&env::var_os("OUT_DIR").unwrap()).join("backend.rs"), modules).unwrap();
}
