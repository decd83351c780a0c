//! The fuzz target of `chancery_fuzz::submitted_chain`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| chancery_fuzz::submitted_chain::run(input));
