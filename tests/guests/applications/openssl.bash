cd /tmp || exit
for d in md5 sha1 sha256 sha512 sha3-256 blake2b512 blake2s256 sm3 ripemd160; do openssl dgst -$d </usr/bin/openssl | wc -c; printf abc | openssl dgst -$d; done 2>/dev/null
head -c 100000 /dev/zero >zero
for c in aes-128-cbc aes-256-ctr aes-256-cbc camellia-128-cbc chacha20 aria-128-cbc sm4-cbc; do
  openssl enc -$c -K 00112233445566778899aabbccddeeff -iv 000102030405060708090a0b0c0d0e0f -in zero -out box 2>/dev/null
  openssl dgst -sha256 <box
  openssl enc -d -$c -K 00112233445566778899aabbccddeeff -iv 000102030405060708090a0b0c0d0e0f -in box 2>/dev/null | cmp - zero && echo "$c back"
done
openssl genrsa -out rsa 1024 2>/dev/null; openssl rsa -in rsa -check -noout; openssl rsa -in rsa -pubout -out pub 2>/dev/null
openssl dgst -sha256 -sign rsa -out sig zero && openssl dgst -sha256 -verify pub -signature sig zero
for curve in prime256v1 secp384r1 secp521r1 secp256k1; do openssl ecparam -genkey -name $curve -noout -out ec && openssl pkey -in ec -check -noout; done
for k in ed25519 x25519 ed448; do openssl genpkey -algorithm $k -out k && openssl pkey -in k -check -noout && echo $k; done
openssl req -x509 -newkey rsa:1024 -nodes -keyout k -out cert -subj /CN=example.org -days 3650 2>/dev/null; openssl verify -CAfile cert cert
openssl prime 1000000007; openssl prime -hex FFFFFFFFFFFFFFC5; openssl rand 20 | wc -c; openssl kdf -keylen 16 -kdfopt digest:SHA256 -kdfopt pass:a -kdfopt salt:saltsalt -kdfopt iter:1000 PBKDF2
openssl speed -seconds 1 -bytes 1024 sha256 aes-128-cbc 2>/dev/null | grep -cE '^(sha256|aes-128-cbc)'
