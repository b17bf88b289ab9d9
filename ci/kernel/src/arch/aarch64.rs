//! The processor and the machine, aarch64: QEMU's `virt`, booted by its `-kernel`.

use core::arch::{asm, global_asm};
use core::ops::Range;

/// The addresses for mappings. Below are those that lead to themselves.
pub const SPACE: Range<usize> = 1 << 40..1 << 47;

// QEMU enters an ELF image at its entry, at EL1 and without paging. The tables map 2 MiB around the serial port as a
// device and the GiB of RAM as memory to themselves (Arm ARM, D8.3: block, AF, inner shareable, attributes 1 and 0).
global_asm!(
    ".section .data.tables, \"aw\"",
    ".balign 4096",
    "level2: .fill 72, 8, 0",
    ".quad 0x09000000 | 0x60000000000405",
    ".fill 439, 8, 0",
    "level1: .quad level2 + 3",
    ".quad 0x40000000 | 0x701",
    ".fill 510, 8, 0",
    ".globl level0",
    "level0: .quad level1 + 3",
    ".fill 511, 8, 0",
    ".section .bss.stack, \"aw\", @nobits",
    ".balign 16",
    ".skip 1 << 20",
    "stack_end:",
    ".text",
    ".globl start",
    "start:",
    "ldr x0, =stack_end",
    "mov sp, x0",
    "mov x0, #3 << 20", // FP and SIMD, which the compiler uses
    "msr cpacr_el1, x0",
    "mov x0, #0xff", // attributes 0: memory, cached; 1: device
    "msr mair_el1, x0",
    // 48 bits of address in pages of 4 KiB, cached and inner shareable, one range only, 40 bits of physical address.
    "ldr x0, =0x200803510",
    "msr tcr_el1, x0",
    "ldr x0, =level0",
    "msr ttbr0_el1, x0",
    "ldr x0, =vectors",
    "msr vbar_el1, x0",
    "dsb sy",
    "isb",
    "mrs x0, sctlr_el1",
    "mov x1, #0x1005", // paging, data and instruction cache
    "orr x0, x0, x1",
    "bic x0, x0, #2", // no check of alignment
    "msr sctlr_el1, x0",
    "isb",
    "bl {main}",
    // Sixteen entries of 128 bytes; at 0x200 exceptions of this level and stack (Arm ARM, D1.4.1).
    ".balign 2048",
    "vectors:",
    ".rept 16",
    ".balign 128",
    "b exception",
    ".endr",
    ".balign 128",
    "exception:",
    "sub sp, sp, #672",
    "stp x0, x1, [sp]",
    "stp x2, x3, [sp, #16]",
    "stp x4, x5, [sp, #32]",
    "stp x6, x7, [sp, #48]",
    "stp x8, x9, [sp, #64]",
    "stp x10, x11, [sp, #80]",
    "stp x12, x13, [sp, #96]",
    "stp x14, x15, [sp, #112]",
    "stp x16, x17, [sp, #128]",
    "stp x18, x30, [sp, #144]",
    "stp q0, q1, [sp, #160]",
    "stp q2, q3, [sp, #192]",
    "stp q4, q5, [sp, #224]",
    "stp q6, q7, [sp, #256]",
    "stp q8, q9, [sp, #288]",
    "stp q10, q11, [sp, #320]",
    "stp q12, q13, [sp, #352]",
    "stp q14, q15, [sp, #384]",
    "stp q16, q17, [sp, #416]",
    "stp q18, q19, [sp, #448]",
    "stp q20, q21, [sp, #480]",
    "stp q22, q23, [sp, #512]",
    "stp q24, q25, [sp, #544]",
    "stp q26, q27, [sp, #576]",
    "stp q28, q29, [sp, #608]",
    "stp q30, q31, [sp, #640]",
    "mrs x0, esr_el1",
    "mrs x1, far_el1",
    "mrs x2, elr_el1",
    "bl {exception}",
    "ldp x0, x1, [sp]",
    "ldp x2, x3, [sp, #16]",
    "ldp x4, x5, [sp, #32]",
    "ldp x6, x7, [sp, #48]",
    "ldp x8, x9, [sp, #64]",
    "ldp x10, x11, [sp, #80]",
    "ldp x12, x13, [sp, #96]",
    "ldp x14, x15, [sp, #112]",
    "ldp x16, x17, [sp, #128]",
    "ldp x18, x30, [sp, #144]",
    "ldp q0, q1, [sp, #160]",
    "ldp q2, q3, [sp, #192]",
    "ldp q4, q5, [sp, #224]",
    "ldp q6, q7, [sp, #256]",
    "ldp q8, q9, [sp, #288]",
    "ldp q10, q11, [sp, #320]",
    "ldp q12, q13, [sp, #352]",
    "ldp q14, q15, [sp, #384]",
    "ldp q16, q17, [sp, #416]",
    "ldp q18, q19, [sp, #448]",
    "ldp q20, q21, [sp, #480]",
    "ldp q22, q23, [sp, #512]",
    "ldp q24, q25, [sp, #544]",
    "ldp q26, q27, [sp, #576]",
    "ldp q28, q29, [sp, #608]",
    "ldp q30, q31, [sp, #640]",
    "add sp, sp, #672",
    "eret",
    main = sym main,
    exception = sym exception,
);

unsafe extern "C" {
    static end_of_image: u8;
    static mut level0: [u64; 512];
}

extern "C" fn main() -> ! {
    crate::main()
}

extern "C" fn exception(syndrome: usize, address: usize, instruction: usize) {
    let (class, status) = (syndrome >> 26 & 0x3f, syndrome & 0x3f);
    // An instruction or data abort at this level, for want of an entry or of a right (Arm ARM, ESR_EL1).
    let is_fault = matches!(class, 0x21 | 0x25) && matches!(status >> 2, 1 | 3);
    if !is_fault {
        crate::exception(syndrome, instruction);
    }
    crate::fault(address, class == 0x25 && syndrome & 0x40 != 0, class == 0x21, instruction);
}

/// What is free behind the image, of 512 MiB from 1 GiB on.
pub fn memory() -> Range<usize> {
    (&raw const end_of_image).addr()..(1 << 30) + (512 << 20)
}

/// The highest of four levels of tables.
pub fn root() -> *mut [u64; 512] {
    &raw mut level0
}

/// An entry that leads to a table.
pub fn table(physical: usize) -> u64 {
    physical as u64 | 3
}

/// An entry of a page: present, accessed and inner shareable, and by bits 7 and 53 not written to or not executed.
pub fn page(physical: usize, write: bool, execute: bool) -> u64 {
    physical as u64 | 0x703 | u64::from(!write) << 7 | u64::from(!execute) << 53 | 1 << 54
}

/// Where an entry leads, if anywhere.
pub fn address_of(entry: u64) -> Option<usize> {
    (entry & 1 != 0).then_some(entry as usize & 0xffff_ffff_f000)
}

/// Forgets an entry that has changed.
pub fn invalidate(address: usize) {
    // SAFETY: only makes the processor read the tables again.
    unsafe {
        asm!("dsb ishst", "tlbi vaae1is, {}", "dsb ish", "isb", in(reg) address >> 12 & ((1 << 44) - 1))
    };
}

/// Lets the processor see what was written to code: by lines of 16 bytes, the shortest there are (CTR_EL0).
pub fn sync_instructions(address: usize, len: usize) {
    for line in (address..address + len).step_by(16) {
        // SAFETY: writes back what is in the cache, and changes no contents.
        unsafe { asm!("dc cvau, {}", in(reg) line) };
    }
    // SAFETY: as above.
    unsafe { asm!("dsb ish") };
    for line in (address..address + len).step_by(16) {
        // SAFETY: as above.
        unsafe { asm!("ic ivau, {}", in(reg) line) };
    }
    // SAFETY: as above.
    unsafe { asm!("dsb ish", "isb") };
}

/// To the serial port (PL011), when it has room for each byte.
pub fn write(text: &str) {
    const DATA: *mut u32 = 0x0900_0000 as *mut u32;
    for byte in text.bytes() {
        // SAFETY: the port is mapped to itself; 0x18 is its state, in which bit 5 says that it is full.
        unsafe {
            while DATA.byte_add(0x18).read_volatile() & 0x20 != 0 {}
            DATA.write_volatile(byte.into());
        }
    }
}

/// Ends QEMU, with status 33 or 35 (semihosting, SYS_EXIT_EXTENDED, ADP_Stopped_ApplicationExit).
pub fn exit(success: bool) -> ! {
    let how: [u64; 2] = [0x20026, if success { 33 } else { 35 }];
    loop {
        // SAFETY: ends the machine.
        unsafe { asm!("hlt #0xf000", in("x0") 0x20, in("x1") &how) };
    }
}
