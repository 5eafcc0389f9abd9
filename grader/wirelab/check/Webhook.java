package wirelab.check;

import module java.base;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/// Signs and verifies messages as Standard Webhooks 1.0.0 says, for checks that are a producer or
/// a consumer.
///
/// @param key of the HMAC, 24 to 64 bytes
public record Webhook(byte[] key) {
    private static final String PREFIX = "whsec_";

    /// @param secret `whsec_` and the key in base64
    /// @throws IllegalArgumentException if it is anything else
    public static Webhook of(String secret) {
        if (!secret.startsWith(PREFIX))
            throw new IllegalArgumentException("a secret without " + PREFIX);
        return new Webhook(Base64.getDecoder().decode(secret.substring(PREFIX.length())));
    }

    /// One that nobody can guess.
    ///
    /// @param bytes of its key
    public static Webhook random(int bytes) {
        var key = new byte[bytes];
        ThreadLocalRandom.current().nextBytes(key);
        return new Webhook(key);
    }

    /// As [#of] takes it.
    public String secret() { return PREFIX + Base64.getEncoder().encodeToString(key); }

    /// The signature of a message, with its version: `v1,…`.
    ///
    /// @param timestamp as in its header: seconds since 1970
    public String sign(String id, String timestamp, byte[] body) {
        try {
            var mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(key, mac.getAlgorithm()));
            mac.update((id + "." + timestamp + ".").getBytes(StandardCharsets.UTF_8));
            return "v1," + Base64.getEncoder().encodeToString(mac.doFinal(body));
        } catch (GeneralSecurityException cause) {
            throw new IllegalStateException("every Java has HmacSHA256", cause);
        }
    }

    /// Whether one of the signatures is right.
    ///
    /// @param signatures as in their header, with a space between two
    public boolean verifies(String id, String timestamp, byte[] body, String signatures) {
        return List.of(signatures.split(" ")).contains(sign(id, timestamp, body));
    }
}
