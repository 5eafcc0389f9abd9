///usr/bin/env jbang "$0" "$@" ; exit $?
//JAVA 25+
//DEPS io.grpc:grpc-bom:1.85.1@pom
//DEPS io.grpc:grpc-netty-shaded
//DEPS io.grpc:grpc-protobuf
//DEPS io.grpc:grpc-stub
//DEPS io.grpc:grpc-services
//DEPS com.google.guava:guava:33.6.0-jre
//DEPS com.google.protobuf:protobuf-java:4.36.2
//DEPS com.google.protobuf:protobuf-java-util:4.36.2
//SOURCES market/v1/*.java

/// The classes generated from market.proto, so that the labs need no protoc: name this file in a
/// `//DEPS`, and JBang compiles them once. `jbang protogen` generates them anew.
final class MarketProto {
    private MarketProto() {}
}
