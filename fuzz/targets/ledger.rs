//! The fuzz target of `chancery_fuzz::ledger`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| chancery_fuzz::ledger::run(input));
