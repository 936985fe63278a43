#![no_main]

chronolite_fuzz::target!(sql);
