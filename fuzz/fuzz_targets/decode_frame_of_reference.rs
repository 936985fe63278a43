#![no_main]

chronolite_fuzz::target!(decode_frame_of_reference);
