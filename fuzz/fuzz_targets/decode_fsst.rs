#![no_main]

chronolite_fuzz::target!(decode_fsst);
