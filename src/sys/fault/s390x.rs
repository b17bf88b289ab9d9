//! s390x: r2 destination, r3 source, r4 length; returns in r2. Words, then bytes.

super::routine::routine! {
    "C",
    setup: "
        agr %r2, %r4
        agr %r3, %r4
        lcgr %r4, %r4
    ",
    steps: "
        cghi %r4, -8
        jh 8f
    2:
        lg %r1, 0(%r4,%r3)
        stg %r1, 0(%r4,%r2)
        aghi %r4, 8
        cghi %r4, -8
        jnh 2b
        j 8f
    ",
    bytes: "
        ltgr %r4, %r4
        je 9f
    3:
        llgc %r1, 0(%r4,%r3)
        stc %r1, 0(%r4,%r2)
        aghi %r4, 1
        jne 3b
        j 9f
    ",
    end: "
        lcgr %r2, %r4
        br %r14
    "
}
