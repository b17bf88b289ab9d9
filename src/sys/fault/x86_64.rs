//! x86_64: rdi destination, rsi source, rdx length; returns in rax. r10 and r11 are the ends, rdx the index.
//!
//! From 512 bytes on `rep movsb`, which takes some 20 ns to start and is then as fast as vectors; below four words at a
//! time, then one, then bytes. `rep movsb` counts in registers of its own, of pieces of 16 KiB, and the index follows after
//! each. So a fault copies a piece again, byte by byte, and it does not matter what `rep` had counted: valgrind has counted
//! the byte that faults.

super::routine::routine! {
    "sysv64",
    setup: "
        lea r10, [rdi + rdx]
        lea r11, [rsi + rdx]
        neg rdx
        cmp rdx, -512
        jg 3f
    ",
    steps: "
    2:
        mov rax, rdx
        neg rax
        mov ecx, 16384
        cmp rax, rcx
        cmova rax, rcx
        mov rcx, rax
        lea rdi, [r10 + rdx]
        lea rsi, [r11 + rdx]
        rep movsb
        add rdx, rax
        cmp rdx, -512
        jle 2b
    3:
        cmp rdx, -32
        jg 5f
    4:
        mov rax, [r11 + rdx]
        mov rcx, [r11 + rdx + 8]
        mov rsi, [r11 + rdx + 16]
        mov rdi, [r11 + rdx + 24]
        mov [r10 + rdx], rax
        mov [r10 + rdx + 8], rcx
        mov [r10 + rdx + 16], rsi
        mov [r10 + rdx + 24], rdi
        add rdx, 32
        cmp rdx, -32
        jle 4b
    5:
        cmp rdx, -8
        jg 8f
    6:
        mov rax, [r11 + rdx]
        mov [r10 + rdx], rax
        add rdx, 8
        cmp rdx, -8
        jle 6b
        jmp 8f
    ",
    bytes: "
        test rdx, rdx
        je 9f
    2:
        mov al, [r11 + rdx]
        mov [r10 + rdx], al
        inc rdx
        jne 2b
        jmp 9f
    ",
    end: "
        mov rax, rdx
        neg rax
        ret
    "
}
