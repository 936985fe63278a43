#![no_main]

chronolite_fuzz::target!(iso8601);
