#![no_main]

chronolite_fuzz::target!(decode_run_length);
