#![no_main]

chronolite_fuzz::target!(round_trip);
