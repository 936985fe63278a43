#![no_main]

chronolite_fuzz::target!(decode_nanots_int);
