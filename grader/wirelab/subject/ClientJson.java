package wirelab.subject;

import module java.base;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.MessageOrBuilder;
import market.Market;

/// What a lab's client delivers, as JSON: the same for a record as for a protobuf message, whose
/// own JSON would print 64-bit numbers as texts and leave out zeros.
public final class ClientJson {
    private ClientJson() {}

    public static String json(Object value) {
        try {
            return Market.JSON.writeValueAsString(value instanceof MessageOrBuilder message
                ? fields(message) : value);
        } catch (JsonProcessingException cause) {
            throw new IllegalStateException("no JSON for " + value, cause);
        }
    }

    /// The fields by their JSON names; of those with presence only the ones that are set.
    private static Map<String, Object> fields(MessageOrBuilder message) {
        var fields = new LinkedHashMap<String, Object>();
        for (var field : message.getDescriptorForType().getFields())
            if (!field.hasPresence() || message.hasField(field))
                fields.put(field.getJsonName(), value(field, message.getField(field)));
        return fields;
    }

    private static Object value(FieldDescriptor field, Object value) {
        if (value instanceof List<?> list)
            return list.stream().map(one -> value(field, one)).toList();
        return switch (field.getJavaType()) {
            case MESSAGE -> fields((MessageOrBuilder) value);
            case ENUM -> value.toString();
            default -> value;
        };
    }
}
