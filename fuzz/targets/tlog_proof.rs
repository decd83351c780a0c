//! The fuzz target of `chancery_fuzz::tlog_proof`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| chancery_fuzz::tlog_proof::run(input));
