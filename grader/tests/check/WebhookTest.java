package wirelab.check;

import static org.assertj.core.api.Assertions.*;

import module java.base;
import org.junit.jupiter.api.*;

/// The message and signature that the test suites of Standard Webhooks share.
@DisplayNameGeneration(DisplayNameGenerator.ReplaceUnderscores.class)
class WebhookTest {
    private static final String SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    private static final String ID = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    private static final String TIME = "1614265330";
    private static final byte[] BODY =
        "{\"test\": 2432232314}".getBytes(StandardCharsets.UTF_8);
    private static final String SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    private final Webhook webhook = Webhook.of(SECRET);

    @Test void the_signature_is_that_of_the_standard() {
        assertThat(webhook.sign(ID, TIME, BODY)).isEqualTo(SIGNATURE);
    }

    @Test void one_signature_that_is_right_suffices() {
        assertThat(webhook.verifies(ID, TIME, BODY, SIGNATURE)).isTrue();
        assertThat(webhook.verifies(ID, TIME, BODY, "v1a,YQ== v1,YQ== " + SIGNATURE)).isTrue();
        assertThat(webhook.verifies(ID, TIME, BODY, "v1a,YQ== v1,YQ==")).isFalse();
    }

    @Test void nothing_of_the_message_may_change() {
        assertThat(webhook.verifies(ID + "x", TIME, BODY, SIGNATURE)).isFalse();
        assertThat(webhook.verifies(ID, "1614265331", BODY, SIGNATURE)).isFalse();
        assertThat(webhook.verifies(ID, TIME, new byte[0], SIGNATURE)).isFalse();
        assertThat(Webhook.random(24).verifies(ID, TIME, BODY, SIGNATURE)).isFalse();
    }

    @Test void a_secret_is_a_prefix_and_a_key() {
        assertThat(webhook.secret()).isEqualTo(SECRET);
        assertThat(Webhook.random(33).secret()).startsWith("whsec_").hasSize(6 + 44);
        assertThatIllegalArgumentException().isThrownBy(() -> Webhook.of(SECRET.substring(6)));
        assertThatIllegalArgumentException().isThrownBy(() -> Webhook.of("whsec_?"));
    }
}
