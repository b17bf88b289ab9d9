//! The cfg by which `src/sys/linux/arch` chooses a file, as the programs use the same system calls; and the processor's name
//! for the suite.

fn main() {
    let arch = std::env::var("CARGO_CFG_TARGET_ARCH").unwrap();
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(baremap_arch, values(any()))");
    println!("cargo::rustc-cfg=baremap_arch=\"{arch}\"");
    println!("cargo::rustc-env=ARCH={arch}");
    if std::env::var("TARGET").unwrap().starts_with("thumb") {
        println!("cargo::rustc-cfg=baremap_arch=\"thumb\"");
    }
}
