//! RISC-V: a0 destination, a1 source, a2 length; returns in a0. Words where source and destination are aligned, as many
//! processors trap on others; otherwise bytes. Written without compressed instructions, without the registers that RV32E
//! lacks, and without the linker's relaxation, which would move the parts.

/// With the bytes of a word, and the instructions that load and store it.
macro_rules! routine_of {
    ($word:literal, $load:literal, $store:literal) => {
        super::routine::routine! {
            "C",
            setup: concat!("
                .option push
                .option norvc
                .option norelax
                or a3, a0, a1
                andi a3, a3, ", $word, " - 1
                li a4, -", $word, "
                add a0, a0, a2
                add a1, a1, a2
                neg a2, a2
                bnez a3, 8f
            "),
            steps: concat!("
                bgt a2, a4, 8f
            2:
                add a5, a1, a2
                add t0, a0, a2
                ", $load, " a3, 0(a5)
                ", $store, " a3, 0(t0)
                addi a2, a2, ", $word, "
                ble a2, a4, 2b
                j 8f
            "),
            bytes: "
                beqz a2, 9f
            3:
                add a5, a1, a2
                add t0, a0, a2
                lbu a3, 0(a5)
                sb a3, 0(t0)
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
    };
}

#[cfg(baremap_arch = "riscv64")]
routine_of!("8", "ld", "sd");
#[cfg(not(baremap_arch = "riscv64"))]
routine_of!("4", "lw", "sw");
