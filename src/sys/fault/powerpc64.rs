//! powerpc64: r3 destination, r4 source, r5 length; returns in r3. Four words at a time, then one, then bytes.
//!
//! It uses no table of contents, so that its code is its only entry under both ABIs (ELFv2 ABI, "Function Prologue"). Under ELFv1 a
//! function's symbol names a descriptor, and that of the routine its code, as the handler needs it. Rust calls it directly,
//! and the symbol is hidden, so no one looks for a descriptor.

super::routine::routine! {
    "C",
    setup: "
        add 3, 3, 5
        add 4, 4, 5
        neg 5, 5
    ",
    steps: "
        cmpdi 5, -32
        bgt 3f
    2:
        add 9, 4, 5
        add 10, 3, 5
        ld 6, 0(9)
        ld 7, 8(9)
        ld 8, 16(9)
        ld 9, 24(9)
        std 6, 0(10)
        std 7, 8(10)
        std 8, 16(10)
        std 9, 24(10)
        addi 5, 5, 32
        cmpdi 5, -32
        ble 2b
    3:
        cmpdi 5, -8
        bgt 8f
    4:
        ldx 6, 4, 5
        stdx 6, 3, 5
        addi 5, 5, 8
        cmpdi 5, -8
        ble 4b
        b 8f
    ",
    bytes: "
        cmpdi 5, 0
        beq 9f
    5:
        lbzx 6, 4, 5
        stbx 6, 3, 5
        addi 5, 5, 1
        cmpdi 5, 0
        bne 5b
        b 9f
    ",
    end: "
        neg 3, 5
        blr
    "
}
