#![no_main]

chronolite_fuzz::target!(arrow_import);
