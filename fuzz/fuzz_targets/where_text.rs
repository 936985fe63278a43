#![no_main]

chronolite_fuzz::target!(where_text);
