#![no_main]

chronolite_fuzz::target!(c_calls);
