//! aarch64: x0 destination, x1 source, x2 length; returns in x0. Four words at a time, then one, then bytes.

super::routine::routine! {
    "C",
    setup: "
        add x0, x0, x2
        add x1, x1, x2
        neg x2, x2
    ",
    steps: "
        cmn x2, #32
        b.gt 3f
    2:
        add x7, x1, x2
        add x8, x0, x2
        ldp x3, x4, [x7]
        ldp x5, x6, [x7, #16]
        stp x3, x4, [x8]
        stp x5, x6, [x8, #16]
        add x2, x2, #32
        cmn x2, #32
        b.le 2b
    3:
        cmn x2, #8
        b.gt 8f
    4:
        ldr x3, [x1, x2]
        str x3, [x0, x2]
        add x2, x2, #8
        cmn x2, #8
        b.le 4b
        b 8f
    ",
    bytes: "
        cbz x2, 9f
    5:
        ldrb w3, [x1, x2]
        strb w3, [x0, x2]
        add x2, x2, #1
        cbnz x2, 5b
        b 9f
    ",
    end: "
        neg x0, x2
        ret
    "
}
