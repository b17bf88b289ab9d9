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

/// What an embedding kernel supplies, on any architecture.
const CUSTOM: &[Module] = &[("backend", "custom.rs")];

/// Name and file.
type Module = (&'static str, &'static str);

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(baremap_backend, values(\"linux\", \"custom\"))");
    let target = |key| env::var(format!("CARGO_CFG_TARGET_{key}")).unwrap_or_default();
    let (os, arch, width) = (target("OS"), target("ARCH"), target("POINTER_WIDTH"));
    // Of `--cfg baremap_backend="…"`.
    let backend = env::var("CARGO_CFG_BAREMAP_BACKEND").unwrap_or_default();
    let supported = |os: &str| SUPPORTED.iter().find(|row| (row.0, row.1, row.2) == (os, &arch, &width));
    let modules = match (backend.as_str(), os.as_str()) {
        ("linux", "linux" | "none") => supported("linux").map(|row| row.3),
        ("", "none") | ("custom", _) => {
            println!("cargo::rustc-cfg=baremap_backend=\"custom\"");
            Some(CUSTOM).filter(|_| env::var_os("CARGO_FEATURE_STD").is_none())
        }
        ("", _) => supported(&os).map(|row| row.3),
        _ => None,
    };
    let Some(modules) = modules else {
        let supported: Vec<String> =
            SUPPORTED.iter().map(|row| format!("{} on {} ({} bits)", row.0, row.1, row.2)).collect();
        println!(
            "cargo::error=baremap does not support {}{}; it supports {}; with --cfg baremap_backend=\"linux\" the \
             calls of Linux without an operating system in the target's name; and with \"custom\", or there without \
             it, any kernel, but not the feature std",
            env::var("TARGET").unwrap_or_default(),
            if backend.is_empty() { String::new() } else { format!(" with the backend \"{backend}\"") },
            supported.join(", "),
        );
        exit(1);
    };
    let sys = Path::new(&env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("src").join("sys");
    let modules: String = modules
        .iter()
        .map(|(name, file)| format!("#[path = {:?}]\npub mod {name};\n", sys.join(file)))
        .collect();
    fs::write(Path::new(&env::var_os("OUT_DIR").unwrap()).join("backend.rs"), modules).unwrap();
}
