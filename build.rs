//! The only place that reads the target. It prints two cfgs, by which `src/sys/` chooses its files: `baremap_backend`, the
//! system, and `baremap_arch`, the processor where the backend has a file for each. Where systems share a backend,
//! `baremap_backend` has the system's name as a second value, for the little in which they differ. It writes nothing, so
//! that a source folder can be moved, shared and read-only.

use std::{env, process::exit};

/// System, architecture and the bits of its pointers, and the backend. x32 and ILP32 have other call numbers under the
/// same architecture's name.
const SUPPORTED: &[(&str, &str, &str, &str)] = &[
    ("linux", "x86_64", "64", "linux"),
    ("linux", "aarch64", "64", "linux"),
    ("linux", "arm", "32", "linux"),
    ("linux", "riscv64", "64", "linux"),
    ("linux", "x86", "32", "linux"),
    ("linux", "loongarch64", "64", "linux"),
    ("linux", "s390x", "64", "linux"),
    ("android", "x86_64", "64", "linux"),
    ("android", "aarch64", "64", "linux"),
    ("android", "riscv64", "64", "linux"),
    ("macos", "x86_64", "64", "apple"),
    ("macos", "aarch64", "64", "apple"),
    // Mac Catalyst: iOS with the libSystem of macOS.
    ("macabi", "x86_64", "64", "apple"),
    ("macabi", "aarch64", "64", "apple"),
    // On x86_64 these are simulators.
    ("ios", "x86_64", "64", "apple"),
    ("ios", "aarch64", "64", "apple"),
    ("tvos", "x86_64", "64", "apple"),
    ("tvos", "aarch64", "64", "apple"),
    ("watchos", "x86_64", "64", "apple"),
    ("watchos", "aarch64", "64", "apple"),
    ("visionos", "aarch64", "64", "apple"),
    ("windows", "x86_64", "64", "windows"),
    ("windows", "aarch64", "64", "windows"),
    ("windows", "arm64ec", "64", "windows"),
    ("windows", "x86", "32", "windows"),
];

/// The start of Apple's targets that sign pointers to functions, such as a signal's handler. Rust does not sign them yet
/// (rust-lang/rust 148640), so the fault guard would end the process.
const SIGNED_POINTERS: &str = "arm64e-";

/// The start of targets whose code is Thumb by default, a second value of `baremap_arch`.
const THUMB: &str = "thumb";

/// What an embedding kernel supplies, on any architecture.
const CUSTOM: &str = "custom";

/// Vendors whose Windows is another one: before Windows 10, and with other libraries.
const UNSUPPORTED_VENDORS: &[&str] = &["win7", "uwp"];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    for (cfg, columns) in [("baremap_backend", [0, 3]), ("baremap_arch", [1, 1])] {
        let rows = SUPPORTED.iter().map(|row| [row.0, row.1, row.2, row.3]);
        let mut values: Vec<_> = rows.flat_map(|row| columns.map(|column| row[column])).collect();
        values.extend([CUSTOM, THUMB]);
        values.sort_unstable();
        values.dedup();
        println!("cargo::rustc-check-cfg=cfg({cfg}, values(\"{}\"))", values.join("\", \""));
    }
    let target = |key| env::var(format!("CARGO_CFG_TARGET_{key}")).unwrap_or_default();
    let (mut os, arch, width) = (target("OS"), target("ARCH"), target("POINTER_WIDTH"));
    // Mac Catalyst, whose system is called iOS too.
    if target("ABI") == "macabi" {
        os = "macabi".into();
    }
    // Of `--cfg baremap_backend="…"`.
    let asked = env::var("CARGO_CFG_BAREMAP_BACKEND").unwrap_or_default();
    let is_other = UNSUPPORTED_VENDORS.contains(&target("VENDOR").as_str())
        || env::var("TARGET").is_ok_and(|target| target.starts_with(SIGNED_POINTERS));
    let supported = |os: &str| {
        let mut rows = SUPPORTED.iter().filter(|_| !is_other);
        rows.find(|row| (row.0, row.1, row.2) == (os, &arch, &width)).map(|row| (row.3, row.0))
    };
    let backend = match (asked.as_str(), os.as_str()) {
        ("linux", "linux" | "none") => supported("linux"),
        ("", "none" | "uefi") | ("custom", _) => {
            Some((CUSTOM, CUSTOM)).filter(|_| env::var_os("CARGO_FEATURE_STD").is_none())
        }
        ("", _) => supported(&os),
        _ => None,
    };
    let Some((backend, system)) = backend else {
        let supported: Vec<String> =
            SUPPORTED.iter().map(|row| format!("{} on {} ({} bits)", row.0, row.1, row.2)).collect();
        println!(
            "cargo::error=baremap does not support {}{}; it supports {}, but Windows only as of Windows 10 and not its \
             targets for {}; with --cfg baremap_backend=\"linux\" the calls of Linux without an operating system in \
             the target's name; and with \"custom\", or there without it, any kernel, but not the feature std, which is \
             on by default",
            env::var("TARGET").unwrap_or_default(),
            if asked.is_empty() { String::new() } else { format!(" with the backend \"{asked}\"") },
            supported.join(", "),
            UNSUPPORTED_VENDORS.join(" and "),
        );
        exit(1);
    };
    println!("cargo::rustc-cfg=baremap_backend=\"{backend}\"");
    if system != backend {
        println!("cargo::rustc-cfg=baremap_backend=\"{system}\"");
    }
    println!("cargo::rustc-cfg=baremap_arch=\"{arch}\"");
    // Not told by any cfg: the target's architecture is arm.
    if env::var("TARGET").is_ok_and(|target| target.starts_with(THUMB)) {
        println!("cargo::rustc-cfg=baremap_arch=\"{THUMB}\"");
    }
}
