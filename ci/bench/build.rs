//! The cfg by which `src/sys/linux/arch` chooses a file, for the bare system calls.

fn main() {
    let arch = std::env::var("CARGO_CFG_TARGET_ARCH").unwrap();
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(baremap_arch, values(any()))");
    println!("cargo::rustc-cfg=baremap_arch=\"{arch}\"");
}
