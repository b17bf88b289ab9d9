//! riscv64: a0 destination, a1 source, a2 length; returns in a0. Words where source and destination are aligned, as many
//! processors trap on others; otherwise bytes. Written without compressed instructions, and without the linker's
//! relaxation, which would move the parts.

super::routine::routine! {
    "C",
    setup: "
        .option push
        .option norvc
        .option norelax
        or a3, a0, a1
        andi a3, a3, 7
        li a4, -8
        add a0, a0, a2
        add a1, a1, a2
        neg a2, a2
        bnez a3, 8f
    ",
    steps: "
        bgt a2, a4, 8f
    2:
        add a5, a1, a2
        add a6, a0, a2
        ld a3, 0(a5)
        sd a3, 0(a6)
        addi a2, a2, 8
        ble a2, a4, 2b
        j 8f
    ",
    bytes: "
        beqz a2, 9f
    3:
        add a5, a1, a2
        add a6, a0, a2
        lbu a3, 0(a5)
        sb a3, 0(a6)
        addi a2, a2, 1
        bnez a2, 3b
        j 9f
    ",
    end: "
        neg a0, a2
        ret
        .option pop
    "
}
