module ringtls.test/peer

go 1.19
