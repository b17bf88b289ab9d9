//! The only place that reads the target. It prints three cfgs, by which `src/sys/` chooses its files: `baremap_backend`, the
//! system; `baremap_arch`, the processor where the backend has a file for each; and `baremap_files`, what std calls open
//! files, for a system without a backend. A second value of the first two tells the little in which systems that share a
//! backend differ, and Thumb from Arm. It writes nothing, so that a source folder can be moved, shared and read-only.

use std::{env, process::exit};

/// System, architecture and the bits of its pointers, and the backend. x32 and ILP32 have other call numbers under the
/// same architecture's name.
const SUPPORTED: &[(&str, &str, &str, &str)] = &[
    ("linux", "x86_64", "64", "linux"),
    ("linux", "aarch64", "64", "linux"),
    ("linux", "arm", "32", "linux"),
    ("linux", "loongarch64", "64", "linux"),
    ("linux", "powerpc64", "64", "linux"),
    ("linux", "riscv32", "32", "linux"),
    ("linux", "riscv64", "64", "linux"),
    ("linux", "s390x", "64", "linux"),
    ("linux", "x86", "32", "linux"),
    ("android", "x86_64", "64", "linux"),
    ("android", "aarch64", "64", "linux"),
    ("android", "arm", "32", "linux"),
    ("android", "riscv64", "64", "linux"),
    ("android", "x86", "32", "linux"),
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
    ("dragonfly", "x86_64", "64", "dragonfly"),
    ("freebsd", "x86_64", "64", "freebsd"),
    ("freebsd", "aarch64", "64", "freebsd"),
    ("freebsd", "powerpc64", "64", "freebsd"),
    ("freebsd", "riscv64", "64", "freebsd"),
    ("freebsd", "x86", "32", "freebsd"),
    ("illumos", "x86_64", "64", "illumos"),
    ("netbsd", "x86_64", "64", "netbsd"),
    ("netbsd", "aarch64", "64", "netbsd"),
    ("netbsd", "riscv64", "64", "netbsd"),
    ("openbsd", "x86_64", "64", "openbsd"),
    ("openbsd", "aarch64", "64", "openbsd"),
    ("openbsd", "powerpc64", "64", "openbsd"),
    ("openbsd", "riscv64", "64", "openbsd"),
];

/// What an embedding kernel supplies, on any architecture.
const CUSTOM: &str = "custom";

/// What compiles anywhere: every call fails.
const UNSUPPORTED: &str = "unsupported";

/// Vendors whose Windows is another one: before Windows 10, and with other libraries.
const OTHER_WINDOWS: &[&str] = &["win7", "uwp"];

/// The start of Apple's targets that sign pointers to functions, such as a signal's handler. Rust does not sign them yet
/// (rust-lang/rust 148640), so the fault guard would end the process.
const SIGNED_POINTERS: &str = "arm64e-";

/// The start of targets whose code is Thumb by default. No cfg tells that.
const THUMB: &str = "thumb";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let values = |cfg: &str, columns: [usize; 2], more: &[&'static str]| {
        let rows = SUPPORTED.iter().map(|row| [row.0, row.1, row.2, row.3]);
        let mut values: Vec<_> = rows.flat_map(|row| columns.map(|column| row[column])).collect();
        values.extend(more);
        values.sort_unstable();
        values.dedup();
        println!("cargo::rustc-check-cfg=cfg({cfg}, values(\"{}\"))", values.join("\", \""));
    };
    values("baremap_backend", [0, 3], &[CUSTOM, UNSUPPORTED]);
    values("baremap_arch", [1, 1], &[THUMB]);
    // Of docs.rs, and of ci/docs.
    println!("cargo::rustc-check-cfg=cfg(docsrs)");
    println!("cargo::rustc-check-cfg=cfg(baremap_files, values(\"descriptors\", \"handles\", \"other\"))");

    let name = env::var("TARGET").unwrap_or_default();
    let target = |key| env::var(format!("CARGO_CFG_TARGET_{key}")).unwrap_or_default();
    let (mut os, arch, width) = (target("OS"), target("ARCH"), target("POINTER_WIDTH"));
    // Its system is called iOS too.
    if target("ABI") == "macabi" {
        os = "macabi".into();
    }
    // Of `--cfg baremap_backend="…"`.
    let asked = env::var("CARGO_CFG_BAREMAP_BACKEND").unwrap_or_default();
    let has_std = env::var_os("CARGO_FEATURE_STD").is_some();
    let is_other = OTHER_WINDOWS.contains(&&*target("VENDOR")) || name.starts_with(SIGNED_POINTERS);
    // The backend and the system.
    let supported = |os: &str| {
        let mut rows = SUPPORTED.iter().filter(|_| !is_other);
        rows.find(|row| (row.0, row.1, row.2) == (os, &arch, &width)).map(|row| (row.3, row.0))
    };
    let (custom, unsupported) = ((CUSTOM, CUSTOM), (UNSUPPORTED, UNSUPPORTED));
    let backend = match (asked.as_str(), os.as_str()) {
        // The crate counts in megabytes.
        _ if width == "16" => None,
        ("linux", "linux" | "none") => supported("linux"),
        ("custom", _) | ("", "none") => Some(custom).filter(|_| !has_std),
        // Where there is std, a library that keeps its default features compiles.
        ("", "uefi") => Some(if has_std { unsupported } else { custom }),
        ("", _) => supported(&os).or(Some(unsupported)),
        ("system", _) => supported(&os),
        (UNSUPPORTED, _) => Some(unsupported),
        _ => None,
    };
    let Some((backend, system)) = backend else {
        let asked = if asked.is_empty() { asked } else { format!(" with the backend \"{asked}\"") };
        let systems = SUPPORTED.chunk_by(|row, next| row.0 == next.0).map(|rows| {
            let architectures: Vec<_> = rows.iter().map(|row| row.1).collect();
            format!("{} on {}", rows[0].0, architectures.join(", "))
        });
        println!(
            "cargo::error=baremap does not support {name}{asked}; it supports {}; but Windows only as of Windows 10 and not \
             its targets for {}; with --cfg baremap_backend=\"linux\" the calls of Linux without an operating system in \
             the target's name; and with \"custom\", or there without it, any kernel with addresses of 32 bits or \
             more, but not the feature std, which is on by default",
            systems.collect::<Vec<_>>().join("; "),
            OTHER_WINDOWS.join(" and "),
        );
        exit(1);
    };
    println!("cargo::rustc-cfg=baremap_backend=\"{backend}\"");
    if system != backend {
        println!("cargo::rustc-cfg=baremap_backend=\"{system}\"");
    }
    // An architecture's files are written for one width of pointers.
    if backend != UNSUPPORTED && SUPPORTED.iter().any(|row| (row.1, row.2) == (&*arch, &*width)) {
        println!("cargo::rustc-cfg=baremap_arch=\"{arch}\"");
        if name.starts_with(THUMB) {
            println!("cargo::rustc-cfg=baremap_arch=\"{THUMB}\"");
        }
    }
    let family = target("FAMILY");
    let files = match os.as_str() {
        "hermit" | "wasi" => "descriptors",
        _ if family.split(',').any(|name| name == "unix") => "descriptors",
        _ if family == "windows" => "handles",
        _ => "other",
    };
    println!("cargo::rustc-cfg=baremap_files=\"{files}\"");
}
