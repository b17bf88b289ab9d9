//! x86_64, in QEMU's default machine booted by `-kernel`.
//!
//! ```text
//! 0          not mapped
//! 2 MiB      mapped to itself up to 1 GiB, in pages of 2 MiB; the image, then free RAM up to 512 MiB
//! 1 TiB      mappings (ADDRESS_SPACE)
//! ```

use crate::exception::{Access, Exception};
use core::arch::{asm, global_asm};
use core::fmt;
use core::ops::Range;

/// The addresses of mappings.
pub const ADDRESS_SPACE: Range<usize> = 1 << 40..1 << 47;

// QEMU enters a 64-bit ELF image at the address in a Xen note (PVH, XEN_ELFNOTE_PHYS32_ENTRY), in 32-bit protected mode
// without paging.
global_asm!(
    ".section .note.Xen, \"a\", @note",
    ".balign 4",
    ".long 4, 8, 18",
    ".asciz \"Xen\"",
    ".quad start",
    ".section .data.tables, \"aw\"",
    ".balign 4096",
    "level2: .quad 0",
    ".set i, 1",
    ".rept 511",
    ".quad (i << 21) | 0x83",
    ".set i, i + 1",
    ".endr",
    "level3: .quad level2 + 3",
    ".fill 511, 8, 0",
    ".globl level4",
    "level4: .quad level3 + 3",
    ".fill 511, 8, 0",
    "segments: .quad 0, 0x00af9a000000ffff, 0x00cf92000000ffff",
    "segments_pointer: .short 23",
    ".quad segments",
    ".section .bss.stack, \"aw\", @nobits",
    ".balign 16",
    ".skip 1 << 20",
    "stack_end:",
    ".text",
    ".code32",
    ".globl start",
    "start:",
    "mov $level4, %eax",
    "mov %eax, %cr3",
    "mov %cr4, %eax",
    "or $0x20, %eax", // PAE
    "mov %eax, %cr4",
    "mov $0xc0000080, %ecx", // EFER
    "rdmsr",
    "or $0x900, %eax", // LME, NXE
    "wrmsr",
    "mov %cr0, %eax",
    "or $0x80010001, %eax", // PG, WP, PE
    "mov %eax, %cr0",
    "lgdt segments_pointer",
    "ljmp $8, $start64",
    ".code64",
    "start64:",
    "mov $16, %eax",
    "mov %eax, %ds",
    "mov %eax, %es",
    "mov %eax, %ss",
    "lea stack_end(%rip), %rsp",
    "call main",
    // The processor pushes an error code for some exceptions (Intel SDM 3A, 6.15); for the others 0 is pushed.
    ".balign 16",
    "vectors:",
    ".set i, 0",
    ".rept 32",
    ".balign 16",
    ".if !((0x60227d00 >> i) & 1)",
    "push $0",
    ".endif",
    "push $i",
    "jmp exception",
    ".set i, i + 1",
    ".endr",
    "exception:",
    "push %rax",
    "push %rcx",
    "push %rdx",
    "push %rsi",
    "push %rdi",
    "push %r8",
    "push %r9",
    "push %r10",
    "push %r11",
    "mov 72(%rsp), %rdi",
    "mov 80(%rsp), %rsi",
    "mov 88(%rsp), %rdx",
    "cld",
    "call {exception}",
    "mov %rax, 88(%rsp)",
    "pop %r11",
    "pop %r10",
    "pop %r9",
    "pop %r8",
    "pop %rdi",
    "pop %rsi",
    "pop %rdx",
    "pop %rcx",
    "pop %rax",
    "add $16, %rsp",
    "iretq",
    exception = sym exception,
    options(att_syntax)
);

unsafe extern "C" {
    static end_of_image: u8;
    static mut level4: [u64; 512];
    static vectors: [[u8; 16]; 32];
}

static mut HANDLER: fn(Exception, usize) -> usize = |_, _| exit(false);

/// Sets the function that is called with each exception and the address of its instruction. It returns the address at
/// which to continue.
pub fn handle_exceptions(handler: fn(Exception, usize) -> usize) {
    const INTERRUPT_GATE: u64 = 0x8e00 << 32;
    const CODE_SEGMENT: u64 = 8 << 16;
    static mut GATES: [[u64; 2]; 32] = [[0; 2]; 32];
    #[repr(C, packed)]
    struct Pointer(u16, *const [[u64; 2]; 32]);
    let gates = &raw mut GATES;
    for vector in 0..32 {
        // SAFETY: `vectors` has 16 bytes for each, and the processor does not use the gates yet.
        unsafe {
            let entry = (&raw const vectors).cast::<[u8; 16]>().add(vector) as u64;
            (*gates)[vector] =
                [entry & 0xffff | CODE_SEGMENT | INTERRUPT_GATE | (entry >> 16 & 0xffff) << 48, entry >> 32];
        }
    }
    let pointer = Pointer(size_of_val(&[[0_u64; 2]; 32]) as u16 - 1, gates);
    // SAFETY: the gates lead to code that restores every register; no exception reads HANDLER at the same time.
    unsafe {
        HANDLER = handler;
        asm!("lidt [{}]", in(reg) &pointer);
    }
}

extern "C" fn exception(vector: usize, code: usize, instruction: usize) -> usize {
    let exception = if vector == 14 {
        let address: usize;
        // SAFETY: reads the address that faulted.
        unsafe { asm!("mov {}, cr2", out(reg) address) };
        let access = match code & 18 {
            0 => Access::Read,
            2 => Access::Write,
            _ => Access::Execute,
        };
        Exception::PageFault { address, access }
    } else {
        Exception::Other { number: vector }
    };
    // SAFETY: written once, before the first exception.
    let handler = unsafe { HANDLER };
    handler(exception, instruction)
}

/// Returns the RAM above the image, of 512 MiB.
pub fn free_ram() -> Range<usize> {
    (&raw const end_of_image).addr()..512 << 20
}

/// Returns the table of the highest of four levels.
pub fn page_table() -> *mut [u64; 512] {
    &raw mut level4
}

/// Returns an entry that points to a table.
pub fn table_entry(table: usize) -> u64 {
    table as u64 | 3
}

/// Returns the entry of a page: present, with bit 1 for writable and 63 for not executable.
pub fn page_entry(frame: usize, writable: bool, executable: bool) -> u64 {
    frame as u64 | 1 | u64::from(writable) << 1 | u64::from(!executable) << 63
}

/// Returns the table or frame that an entry points to, if it is present.
pub fn frame_of(entry: u64) -> Option<usize> {
    (entry & 1 != 0).then_some(entry as usize & 0xffff_ffff_f000)
}

/// Makes the processor forget the entry of a page.
pub fn invalidate_tlb(page: usize) {
    // SAFETY: the processor only reads the page tables again.
    unsafe { asm!("invlpg [{}]", in(reg) page, options(nostack)) };
}

/// Does nothing: the instruction cache sees writes (Intel SDM 3A, "Self-Modifying Code").
pub fn sync_instruction_cache(_: usize, _: usize) {}

/// The first serial port, a 16550.
pub struct Serial;

impl fmt::Write for Serial {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            let mut status = 0_u8;
            while status & 0x20 == 0 {
                // SAFETY: reads the line status, whose bit 5 says that the port takes a byte.
                unsafe { asm!("in al, dx", in("dx") 0x3fd, out("al") status) };
            }
            // SAFETY: sends a byte.
            unsafe { asm!("out dx, al", in("dx") 0x3f8, in("al") byte) };
        }
        Ok(())
    }
}

/// Ends QEMU with status 33 or 35 (isa-debug-exit: twice the value, plus 1).
pub fn exit(success: bool) -> ! {
    loop {
        // SAFETY: ends the machine.
        unsafe { asm!("out dx, eax", in("dx") 0xf4, in("eax") if success { 16 } else { 17 }) };
    }
}
