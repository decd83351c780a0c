//! The fuzz target of `chancery_fuzz::ledger_grpc`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| chancery_fuzz::ledger_grpc::run(input));
