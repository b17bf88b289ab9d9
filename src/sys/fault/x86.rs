//! x86 by the C convention: edi destination, esi source, edx length, from the stack; returns in eax. Two words at a time,
//! then bytes.

super::routine::routine! {
    "C",
    setup: "
        push esi
        push edi
        mov edi, [esp + 12]
        mov esi, [esp + 16]
        mov edx, [esp + 20]
        add edi, edx
        add esi, edx
        neg edx
    ",
    steps: "
        cmp edx, -8
        jg 8f
    2:
        mov eax, [esi + edx]
        mov ecx, [esi + edx + 4]
        mov [edi + edx], eax
        mov [edi + edx + 4], ecx
        add edx, 8
        cmp edx, -8
        jle 2b
        jmp 8f
    ",
    bytes: "
        test edx, edx
        je 9f
    3:
        mov al, [esi + edx]
        mov [edi + edx], al
        inc edx
        jne 3b
        jmp 9f
    ",
    end: "
        mov eax, edx
        neg eax
        pop edi
        pop esi
        ret
    "
}
