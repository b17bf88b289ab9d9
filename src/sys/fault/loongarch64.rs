//! loongarch64: a0 destination, a1 source, a2 length; returns in a0. Words where source and destination are aligned, as not
//! every processor allows others; otherwise bytes.

super::routine::routine! {
    "C",
    setup: "
        or $t0, $a0, $a1
        andi $t0, $t0, 7
        addi.w $t1, $zero, -8
        add.d $a0, $a0, $a2
        add.d $a1, $a1, $a2
        sub.d $a2, $zero, $a2
        bnez $t0, 8f
    ",
    steps: "
        blt $t1, $a2, 8f
    2:
        ldx.d $t0, $a1, $a2
        stx.d $t0, $a0, $a2
        addi.d $a2, $a2, 8
        bge $t1, $a2, 2b
        b 8f
    ",
    bytes: "
        beqz $a2, 9f
    3:
        ldx.b $t0, $a1, $a2
        stx.b $t0, $a0, $a2
        addi.d $a2, $a2, 1
        bnez $a2, 3b
        b 9f
    ",
    end: "
        sub.d $a0, $zero, $a2
        ret
    "
}
