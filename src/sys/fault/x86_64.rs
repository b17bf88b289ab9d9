//! x86_64: rdi destination, rsi source, rdx length; returns in rax. Four words at a time, then one, then bytes.

super::routine::routine! {
    "sysv64",
    setup: "
        add rdi, rdx
        add rsi, rdx
        neg rdx
    ",
    steps: "
        cmp rdx, -32
        jg 3f
    2:
        mov rax, [rsi + rdx]
        mov rcx, [rsi + rdx + 8]
        mov r8, [rsi + rdx + 16]
        mov r9, [rsi + rdx + 24]
        mov [rdi + rdx], rax
        mov [rdi + rdx + 8], rcx
        mov [rdi + rdx + 16], r8
        mov [rdi + rdx + 24], r9
        add rdx, 32
        cmp rdx, -32
        jle 2b
    3:
        cmp rdx, -8
        jg 8f
    4:
        mov rax, [rsi + rdx]
        mov [rdi + rdx], rax
        add rdx, 8
        cmp rdx, -8
        jle 4b
        jmp 8f
    ",
    bytes: "
        test rdx, rdx
        je 9f
    5:
        mov al, [rsi + rdx]
        mov [rdi + rdx], al
        inc rdx
        jne 5b
        jmp 9f
    ",
    end: "
        mov rax, rdx
        neg rax
        ret
    "
}
