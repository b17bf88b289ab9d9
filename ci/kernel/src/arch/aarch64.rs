//! aarch64, in QEMU's `virt` machine booted by `-kernel`.
//!
//! ```text
//! 144 MiB    2 MiB with the serial port, mapped to itself as a device
//! 1 GiB      mapped to itself up to 2 GiB; the image, then free RAM up to 1.5 GiB
//! 1 TiB      mappings (ADDRESS_SPACE)
//! ```

use crate::exception::{Access, Exception};
use core::arch::{asm, global_asm};
use core::fmt;
use core::ops::Range;

/// The addresses of mappings.
pub const ADDRESS_SPACE: Range<usize> = 1 << 40..1 << 47;

// QEMU enters an ELF image at its entry point, at EL1 without paging. The first tables consist of blocks (Arm ARM, D8.3:
// accessed, inner shareable, memory attributes 1 and 0).
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
    "mov x0, #3 << 20", // allow FP and SIMD, which the compiler uses
    "msr cpacr_el1, x0",
    "mov x0, #0xff", // memory attributes 0: write-back cached; 1: device
    "msr mair_el1, x0",
    // 48-bit addresses, 4 KiB pages, cached and inner shareable walks, TTBR0 alone, 40-bit physical addresses.
    "ldr x0, =0x200803510",
    "msr tcr_el1, x0",
    "ldr x0, =level0",
    "msr ttbr0_el1, x0",
    "ldr x0, =vectors",
    "msr vbar_el1, x0",
    "dsb sy",
    "isb",
    "mrs x0, sctlr_el1",
    "mov x1, #0x1005", // paging, data and instruction caches
    "orr x0, x0, x1",
    "bic x0, x0, #2", // allow unaligned accesses
    "msr sctlr_el1, x0",
    "isb",
    "bl main",
    // 16 entries of 128 bytes; those at 0x200 are for exceptions of this level and stack (Arm ARM, D1.4.1).
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
    "msr elr_el1, x0",
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
    exception = sym exception,
);

unsafe extern "C" {
    static end_of_image: u8;
    static mut level0: [u64; 512];
}

static mut HANDLER: fn(Exception, usize) -> usize = |_, _| exit(false);

/// Sets the function that is called with each exception and the address of its instruction. It returns the address at
/// which to continue.
pub fn handle_exceptions(handler: fn(Exception, usize) -> usize) {
    // SAFETY: no exception reads it at the same time.
    unsafe { HANDLER = handler };
}

extern "C" fn exception(syndrome: usize, address: usize, instruction: usize) -> usize {
    let (class, status) = (syndrome >> 26 & 0x3f, syndrome & 0x3f);
    // An instruction or data abort of this level, a translation or permission fault (Arm ARM, ESR_EL1).
    let exception = if matches!(class, 0x21 | 0x25) && matches!(status >> 2, 1 | 3) {
        let access = match class {
            0x21 => Access::Execute,
            _ if syndrome & 0x40 != 0 => Access::Write,
            _ => Access::Read,
        };
        Exception::PageFault { address, access }
    } else {
        Exception::Other { number: syndrome }
    };
    // SAFETY: written once, before the first exception.
    let handler = unsafe { HANDLER };
    handler(exception, instruction)
}

/// Returns the RAM above the image, of 512 MiB from 1 GiB on.
pub fn free_ram() -> Range<usize> {
    (&raw const end_of_image).addr()..(1 << 30) + (512 << 20)
}

/// Returns the table of the highest of four levels.
pub fn page_table() -> *mut [u64; 512] {
    &raw mut level0
}

/// Returns an entry that points to a table.
pub fn table_entry(table: usize) -> u64 {
    table as u64 | 3
}

/// Returns the entry of a page: present, accessed, inner shareable, with bit 7 for read-only and 53 for not executable.
pub fn page_entry(frame: usize, writable: bool, executable: bool) -> u64 {
    frame as u64 | 0x703 | u64::from(!writable) << 7 | u64::from(!executable) << 53 | 1 << 54
}

/// Returns the table or frame that an entry points to, if it is present.
pub fn frame_of(entry: u64) -> Option<usize> {
    (entry & 1 != 0).then_some(entry as usize & 0xffff_ffff_f000)
}

/// Makes the processor forget the entry of a page.
pub fn invalidate_tlb(page: usize) {
    // SAFETY: the processor only reads the page tables again.
    unsafe { asm!("dsb ishst", "tlbi vaae1is, {}", "dsb ish", "isb", in(reg) page >> 12 & ((1 << 44) - 1)) };
}

/// Makes the instruction cache see what was written: by lines of 16 bytes, the shortest possible (CTR_EL0).
pub fn sync_instruction_cache(start: usize, len: usize) {
    for line in (start..start + len).step_by(16) {
        // SAFETY: writes a line of the data cache back; contents stay.
        unsafe { asm!("dc cvau, {}", in(reg) line) };
    }
    // SAFETY: a barrier.
    unsafe { asm!("dsb ish") };
    for line in (start..start + len).step_by(16) {
        // SAFETY: drops a line of the instruction cache.
        unsafe { asm!("ic ivau, {}", in(reg) line) };
    }
    // SAFETY: barriers.
    unsafe { asm!("dsb ish", "isb") };
}

/// The serial port, a PL011.
pub struct Serial;

impl fmt::Write for Serial {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        const DATA: *mut u32 = 0x0900_0000 as *mut u32;
        for byte in text.bytes() {
            // SAFETY: the port is mapped to itself. Bit 5 of the flags at 0x18 says that it takes no byte yet.
            unsafe {
                while DATA.byte_add(0x18).read_volatile() & 0x20 != 0 {}
                DATA.write_volatile(byte.into());
            }
        }
        Ok(())
    }
}

/// Ends QEMU with status 33 or 35 (semihosting: SYS_EXIT_EXTENDED, ADP_Stopped_ApplicationExit).
pub fn exit(success: bool) -> ! {
    let arguments: [u64; 2] = [0x20026, if success { 33 } else { 35 }];
    loop {
        // SAFETY: ends the machine.
        unsafe { asm!("hlt #0xf000", in("x0") 0x20, in("x1") &arguments) };
    }
}
