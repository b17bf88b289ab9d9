//! The processor and the machine, x86_64: QEMU's default one, booted by its `-kernel`.

use core::arch::{asm, global_asm};
use core::ops::Range;

/// The addresses for mappings. Below are those that lead to themselves.
pub const SPACE: Range<usize> = 1 << 40..1 << 47;

// QEMU enters an ELF image of 64 bits at the address that a note of Xen's gives (PVH, XEN_ELFNOTE_PHYS32_ENTRY), in
// protected mode of 32 bits without paging. The tables map the first GiB but for 2 MiB to itself, by pages of 2 MiB.
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
    "call {main}",
    // An exception: of some the processor pushes a code (Intel SDM 3A, 6.15), so that of the others 0 is pushed.
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
    main = sym main,
    exception = sym exception,
    options(att_syntax)
);

unsafe extern "C" {
    static end_of_image: u8;
    static mut level4: [u64; 512];
    static vectors: [[u8; 16]; 32];
}

extern "C" fn main() -> ! {
    const INTERRUPT_GATE: u64 = 0x8e00 << 32;
    const CODE_SEGMENT: u64 = 8 << 16;
    static mut GATES: [[u64; 2]; 32] = [[0; 2]; 32];
    #[repr(C, packed)]
    struct Pointer(u16, *const [[u64; 2]; 32]);
    let gates = &raw mut GATES;
    for vector in 0..32 {
        // SAFETY: `vectors` has an entry of 16 bytes for each, and nobody else uses the gates yet.
        unsafe {
            let handler = (&raw const vectors).cast::<[u8; 16]>().add(vector) as u64;
            (*gates)[vector] = [
                handler & 0xffff | CODE_SEGMENT | INTERRUPT_GATE | (handler >> 16 & 0xffff) << 48,
                handler >> 32,
            ];
        }
    }
    let pointer = Pointer(size_of_val(&[[0_u64; 2]; 32]) as u16 - 1, gates);
    // SAFETY: the gates lead to handlers that keep every register.
    unsafe { asm!("lidt [{}]", in(reg) &pointer) };
    crate::main()
}

extern "C" fn exception(vector: usize, code: usize, instruction: usize) {
    if vector != 14 {
        crate::exception(vector, instruction);
    }
    let address: usize;
    // SAFETY: reads the address that faulted.
    unsafe { asm!("mov {}, cr2", out(reg) address) };
    crate::fault(address, code & 2 != 0, code & 16 != 0, instruction);
}

/// What is free behind the image, of 512 MiB.
pub fn memory() -> Range<usize> {
    (&raw const end_of_image).addr()..512 << 20
}

/// The highest of four levels of tables.
pub fn root() -> *mut [u64; 512] {
    &raw mut level4
}

/// An entry that leads to a table.
pub fn table(physical: usize) -> u64 {
    physical as u64 | 3
}

/// An entry of a page: present, and by bits 1 and 63 written to or not executed.
pub fn page(physical: usize, write: bool, execute: bool) -> u64 {
    physical as u64 | 1 | u64::from(write) << 1 | u64::from(!execute) << 63
}

/// Where an entry leads, if anywhere.
pub fn address_of(entry: u64) -> Option<usize> {
    (entry & 1 != 0).then_some(entry as usize & 0xffff_ffff_f000)
}

/// Forgets an entry that has changed.
pub fn invalidate(address: usize) {
    // SAFETY: only makes the processor read the tables again.
    unsafe { asm!("invlpg [{}]", in(reg) address, options(nostack)) };
}

/// The processor sees what was written to code by itself.
pub fn sync_instructions(_: usize, _: usize) {}

/// To the first serial port, when it is ready for each byte.
pub fn write(text: &str) {
    for byte in text.bytes() {
        let mut ready = 0_u8;
        while ready & 0x20 == 0 {
            // SAFETY: reads the port's state.
            unsafe { asm!("in al, dx", in("dx") 0x3fd, out("al") ready) };
        }
        // SAFETY: sends a byte.
        unsafe { asm!("out dx, al", in("dx") 0x3f8, in("al") byte) };
    }
}

/// Ends QEMU, with status 33 or 35 (isa-debug-exit).
pub fn exit(success: bool) -> ! {
    loop {
        // SAFETY: ends the machine.
        unsafe { asm!("out dx, eax", in("dx") 0xf4, in("eax") if success { 16 } else { 17 }) };
    }
}
