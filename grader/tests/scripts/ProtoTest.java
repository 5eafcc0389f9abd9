package wirelab.scripts;

import static org.assertj.core.api.Assertions.*;

import module java.base;
import org.junit.jupiter.api.*;
import wirelab.checkout.Checkout;

/// The committed classes are what market.proto generates.
@DisplayNameGeneration(DisplayNameGenerator.ReplaceUnderscores.class)
class ProtoTest {
    @Test void the_classes_in_proto_are_fresh() throws Exception {
        var check = new ProcessBuilder("./jbang", "protogen", "--check")
            .directory(Checkout.root().toFile()).redirectErrorStream(true).start();
        var printed = new String(check.getInputStream().readAllBytes(), StandardCharsets.UTF_8);

        assertThat(check.waitFor()).as(printed).isZero();
    }
}
