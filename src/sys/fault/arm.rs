//! arm: r0 destination, r1 source, r2 length; returns in r0. Words where source and destination are aligned, as not every
//! processor allows others; otherwise bytes. The same lines are Arm, Thumb and Thumb-2 code: low registers alone, and
//! instructions that set the flags. Not `bx`, as LLVM looks for symbols as if the target had no features, and then knows
//! none on ARMv6; all callers are the crate's, and of the same kind of code.

super::routine::routine! {
    "C",
    setup: "
        movs r3, r0
        orrs r3, r3, r1
        adds r0, r0, r2
        adds r1, r1, r2
        rsbs r2, r2, #0
        lsls r3, r3, #30
        bne 8f
    ",
    steps: "
        adds r3, r2, #4
        bgt 8f
    2:
        ldr r3, [r1, r2]
        str r3, [r0, r2]
        adds r2, r2, #4
        adds r3, r2, #4
        ble 2b
        b 8f
    ",
    bytes: "
        cmp r2, #0
        beq 9f
    3:
        ldrb r3, [r1, r2]
        strb r3, [r0, r2]
        adds r2, r2, #1
        bne 3b
        b 9f
    ",
    end: "
        rsbs r0, r2, #0
        mov pc, lr
    "
}
