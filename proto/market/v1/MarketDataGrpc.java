package market.v1;

import static io.grpc.MethodDescriptor.generateFullMethodName;

/**
 */
@io.grpc.stub.annotations.GrpcGenerated
public final class MarketDataGrpc {

  private MarketDataGrpc() {}

  public static final java.lang.String SERVICE_NAME = "market.v1.MarketData";

  // Static method descriptors that strictly reflect the proto.
  private static volatile io.grpc.MethodDescriptor<market.v1.Quote,
      market.v1.Quote> getPublishQuoteMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "PublishQuote",
      requestType = market.v1.Quote.class,
      responseType = market.v1.Quote.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<market.v1.Quote,
      market.v1.Quote> getPublishQuoteMethod() {
    io.grpc.MethodDescriptor<market.v1.Quote, market.v1.Quote> getPublishQuoteMethod;
    if ((getPublishQuoteMethod = MarketDataGrpc.getPublishQuoteMethod) == null) {
      synchronized (MarketDataGrpc.class) {
        if ((getPublishQuoteMethod = MarketDataGrpc.getPublishQuoteMethod) == null) {
          MarketDataGrpc.getPublishQuoteMethod = getPublishQuoteMethod =
              io.grpc.MethodDescriptor.<market.v1.Quote, market.v1.Quote>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "PublishQuote"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  market.v1.Quote.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  market.v1.Quote.getDefaultInstance()))
              .setSchemaDescriptor(new MarketDataMethodDescriptorSupplier("PublishQuote"))
              .build();
        }
      }
    }
    return getPublishQuoteMethod;
  }

  private static volatile io.grpc.MethodDescriptor<market.v1.QuoteRequest,
      market.v1.Quote> getGetQuoteMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "GetQuote",
      requestType = market.v1.QuoteRequest.class,
      responseType = market.v1.Quote.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<market.v1.QuoteRequest,
      market.v1.Quote> getGetQuoteMethod() {
    io.grpc.MethodDescriptor<market.v1.QuoteRequest, market.v1.Quote> getGetQuoteMethod;
    if ((getGetQuoteMethod = MarketDataGrpc.getGetQuoteMethod) == null) {
      synchronized (MarketDataGrpc.class) {
        if ((getGetQuoteMethod = MarketDataGrpc.getGetQuoteMethod) == null) {
          MarketDataGrpc.getGetQuoteMethod = getGetQuoteMethod =
              io.grpc.MethodDescriptor.<market.v1.QuoteRequest, market.v1.Quote>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "GetQuote"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  market.v1.QuoteRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  market.v1.Quote.getDefaultInstance()))
              .setSchemaDescriptor(new MarketDataMethodDescriptorSupplier("GetQuote"))
              .build();
        }
      }
    }
    return getGetQuoteMethod;
  }

  private static volatile io.grpc.MethodDescriptor<market.v1.HealthRequest,
      market.v1.HealthReply> getHealthMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "Health",
      requestType = market.v1.HealthRequest.class,
      responseType = market.v1.HealthReply.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<market.v1.HealthRequest,
      market.v1.HealthReply> getHealthMethod() {
    io.grpc.MethodDescriptor<market.v1.HealthRequest, market.v1.HealthReply> getHealthMethod;
    if ((getHealthMethod = MarketDataGrpc.getHealthMethod) == null) {
      synchronized (MarketDataGrpc.class) {
        if ((getHealthMethod = MarketDataGrpc.getHealthMethod) == null) {
          MarketDataGrpc.getHealthMethod = getHealthMethod =
              io.grpc.MethodDescriptor.<market.v1.HealthRequest, market.v1.HealthReply>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "Health"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  market.v1.HealthRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  market.v1.HealthReply.getDefaultInstance()))
              .setSchemaDescriptor(new MarketDataMethodDescriptorSupplier("Health"))
              .build();
        }
      }
    }
    return getHealthMethod;
  }

  private static volatile io.grpc.MethodDescriptor<market.v1.SubscribeRequest,
      market.v1.Quote> getSubscribeQuotesMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "SubscribeQuotes",
      requestType = market.v1.SubscribeRequest.class,
      responseType = market.v1.Quote.class,
      methodType = io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
  public static io.grpc.MethodDescriptor<market.v1.SubscribeRequest,
      market.v1.Quote> getSubscribeQuotesMethod() {
    io.grpc.MethodDescriptor<market.v1.SubscribeRequest, market.v1.Quote> getSubscribeQuotesMethod;
    if ((getSubscribeQuotesMethod = MarketDataGrpc.getSubscribeQuotesMethod) == null) {
      synchronized (MarketDataGrpc.class) {
        if ((getSubscribeQuotesMethod = MarketDataGrpc.getSubscribeQuotesMethod) == null) {
          MarketDataGrpc.getSubscribeQuotesMethod = getSubscribeQuotesMethod =
              io.grpc.MethodDescriptor.<market.v1.SubscribeRequest, market.v1.Quote>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "SubscribeQuotes"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  market.v1.SubscribeRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  market.v1.Quote.getDefaultInstance()))
              .setSchemaDescriptor(new MarketDataMethodDescriptorSupplier("SubscribeQuotes"))
              .build();
        }
      }
    }
    return getSubscribeQuotesMethod;
  }

  private static volatile io.grpc.MethodDescriptor<market.v1.Trade,
      market.v1.TradeConfirmation> getUploadTradesMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "UploadTrades",
      requestType = market.v1.Trade.class,
      responseType = market.v1.TradeConfirmation.class,
      methodType = io.grpc.MethodDescriptor.MethodType.CLIENT_STREAMING)
  public static io.grpc.MethodDescriptor<market.v1.Trade,
      market.v1.TradeConfirmation> getUploadTradesMethod() {
    io.grpc.MethodDescriptor<market.v1.Trade, market.v1.TradeConfirmation> getUploadTradesMethod;
    if ((getUploadTradesMethod = MarketDataGrpc.getUploadTradesMethod) == null) {
      synchronized (MarketDataGrpc.class) {
        if ((getUploadTradesMethod = MarketDataGrpc.getUploadTradesMethod) == null) {
          MarketDataGrpc.getUploadTradesMethod = getUploadTradesMethod =
              io.grpc.MethodDescriptor.<market.v1.Trade, market.v1.TradeConfirmation>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.CLIENT_STREAMING)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "UploadTrades"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  market.v1.Trade.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  market.v1.TradeConfirmation.getDefaultInstance()))
              .setSchemaDescriptor(new MarketDataMethodDescriptorSupplier("UploadTrades"))
              .build();
        }
      }
    }
    return getUploadTradesMethod;
  }

  private static volatile io.grpc.MethodDescriptor<market.v1.TradeOrder,
      market.v1.TradeEvent> getTradeStreamMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "TradeStream",
      requestType = market.v1.TradeOrder.class,
      responseType = market.v1.TradeEvent.class,
      methodType = io.grpc.MethodDescriptor.MethodType.BIDI_STREAMING)
  public static io.grpc.MethodDescriptor<market.v1.TradeOrder,
      market.v1.TradeEvent> getTradeStreamMethod() {
    io.grpc.MethodDescriptor<market.v1.TradeOrder, market.v1.TradeEvent> getTradeStreamMethod;
    if ((getTradeStreamMethod = MarketDataGrpc.getTradeStreamMethod) == null) {
      synchronized (MarketDataGrpc.class) {
        if ((getTradeStreamMethod = MarketDataGrpc.getTradeStreamMethod) == null) {
          MarketDataGrpc.getTradeStreamMethod = getTradeStreamMethod =
              io.grpc.MethodDescriptor.<market.v1.TradeOrder, market.v1.TradeEvent>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.BIDI_STREAMING)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "TradeStream"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  market.v1.TradeOrder.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  market.v1.TradeEvent.getDefaultInstance()))
              .setSchemaDescriptor(new MarketDataMethodDescriptorSupplier("TradeStream"))
              .build();
        }
      }
    }
    return getTradeStreamMethod;
  }

  /**
   * Creates a new async stub that supports all call types for the service
   */
  public static MarketDataStub newStub(io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<MarketDataStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<MarketDataStub>() {
        @java.lang.Override
        public MarketDataStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new MarketDataStub(channel, callOptions);
        }
      };
    return MarketDataStub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports all types of calls on the service
   */
  public static MarketDataBlockingV2Stub newBlockingV2Stub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<MarketDataBlockingV2Stub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<MarketDataBlockingV2Stub>() {
        @java.lang.Override
        public MarketDataBlockingV2Stub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new MarketDataBlockingV2Stub(channel, callOptions);
        }
      };
    return MarketDataBlockingV2Stub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports unary and streaming output calls on the service
   */
  public static MarketDataBlockingStub newBlockingStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<MarketDataBlockingStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<MarketDataBlockingStub>() {
        @java.lang.Override
        public MarketDataBlockingStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new MarketDataBlockingStub(channel, callOptions);
        }
      };
    return MarketDataBlockingStub.newStub(factory, channel);
  }

  /**
   * Creates a new ListenableFuture-style stub that supports unary calls on the service
   */
  public static MarketDataFutureStub newFutureStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<MarketDataFutureStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<MarketDataFutureStub>() {
        @java.lang.Override
        public MarketDataFutureStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new MarketDataFutureStub(channel, callOptions);
        }
      };
    return MarketDataFutureStub.newStub(factory, channel);
  }

  /**
   */
  public interface AsyncService {

    /**
     * <pre>
     * Given in every lab.
     * </pre>
     */
    default void publishQuote(market.v1.Quote request,
        io.grpc.stub.StreamObserver<market.v1.Quote> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getPublishQuoteMethod(), responseObserver);
    }

    /**
     */
    default void getQuote(market.v1.QuoteRequest request,
        io.grpc.stub.StreamObserver<market.v1.Quote> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getGetQuoteMethod(), responseObserver);
    }

    /**
     */
    default void health(market.v1.HealthRequest request,
        io.grpc.stub.StreamObserver<market.v1.HealthReply> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getHealthMethod(), responseObserver);
    }

    /**
     * <pre>
     * Lab 07: quotes of some symbols, from a cursor on and then live.
     * </pre>
     */
    default void subscribeQuotes(market.v1.SubscribeRequest request,
        io.grpc.stub.StreamObserver<market.v1.Quote> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getSubscribeQuotesMethod(), responseObserver);
    }

    /**
     * <pre>
     * Lab 08: an upload of trades, confirmed once.
     * </pre>
     */
    default io.grpc.stub.StreamObserver<market.v1.Trade> uploadTrades(
        io.grpc.stub.StreamObserver<market.v1.TradeConfirmation> responseObserver) {
      return io.grpc.stub.ServerCalls.asyncUnimplementedStreamingCall(getUploadTradesMethod(), responseObserver);
    }

    /**
     * <pre>
     * Lab 09: orders one way, what becomes of them the other way.
     * </pre>
     */
    default io.grpc.stub.StreamObserver<market.v1.TradeOrder> tradeStream(
        io.grpc.stub.StreamObserver<market.v1.TradeEvent> responseObserver) {
      return io.grpc.stub.ServerCalls.asyncUnimplementedStreamingCall(getTradeStreamMethod(), responseObserver);
    }
  }

  /**
   * Base class for the server implementation of the service MarketData.
   */
  public static abstract class MarketDataImplBase
      implements io.grpc.BindableService, AsyncService {

    @java.lang.Override public final io.grpc.ServerServiceDefinition bindService() {
      return MarketDataGrpc.bindService(this);
    }
  }

  /**
   * A stub to allow clients to do asynchronous rpc calls to service MarketData.
   */
  public static final class MarketDataStub
      extends io.grpc.stub.AbstractAsyncStub<MarketDataStub> {
    private MarketDataStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected MarketDataStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new MarketDataStub(channel, callOptions);
    }

    /**
     * <pre>
     * Given in every lab.
     * </pre>
     */
    public void publishQuote(market.v1.Quote request,
        io.grpc.stub.StreamObserver<market.v1.Quote> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getPublishQuoteMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     */
    public void getQuote(market.v1.QuoteRequest request,
        io.grpc.stub.StreamObserver<market.v1.Quote> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getGetQuoteMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     */
    public void health(market.v1.HealthRequest request,
        io.grpc.stub.StreamObserver<market.v1.HealthReply> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getHealthMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Lab 07: quotes of some symbols, from a cursor on and then live.
     * </pre>
     */
    public void subscribeQuotes(market.v1.SubscribeRequest request,
        io.grpc.stub.StreamObserver<market.v1.Quote> responseObserver) {
      io.grpc.stub.ClientCalls.asyncServerStreamingCall(
          getChannel().newCall(getSubscribeQuotesMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Lab 08: an upload of trades, confirmed once.
     * </pre>
     */
    public io.grpc.stub.StreamObserver<market.v1.Trade> uploadTrades(
        io.grpc.stub.StreamObserver<market.v1.TradeConfirmation> responseObserver) {
      return io.grpc.stub.ClientCalls.asyncClientStreamingCall(
          getChannel().newCall(getUploadTradesMethod(), getCallOptions()), responseObserver);
    }

    /**
     * <pre>
     * Lab 09: orders one way, what becomes of them the other way.
     * </pre>
     */
    public io.grpc.stub.StreamObserver<market.v1.TradeOrder> tradeStream(
        io.grpc.stub.StreamObserver<market.v1.TradeEvent> responseObserver) {
      return io.grpc.stub.ClientCalls.asyncBidiStreamingCall(
          getChannel().newCall(getTradeStreamMethod(), getCallOptions()), responseObserver);
    }
  }

  /**
   * A stub to allow clients to do synchronous rpc calls to service MarketData.
   */
  public static final class MarketDataBlockingV2Stub
      extends io.grpc.stub.AbstractBlockingStub<MarketDataBlockingV2Stub> {
    private MarketDataBlockingV2Stub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected MarketDataBlockingV2Stub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new MarketDataBlockingV2Stub(channel, callOptions);
    }

    /**
     * <pre>
     * Given in every lab.
     * </pre>
     */
    public market.v1.Quote publishQuote(market.v1.Quote request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getPublishQuoteMethod(), getCallOptions(), request);
    }

    /**
     */
    public market.v1.Quote getQuote(market.v1.QuoteRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getGetQuoteMethod(), getCallOptions(), request);
    }

    /**
     */
    public market.v1.HealthReply health(market.v1.HealthRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getHealthMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Lab 07: quotes of some symbols, from a cursor on and then live.
     * </pre>
     */
    @io.grpc.ExperimentalApi("https://github.com/grpc/grpc-java/issues/10918")
    public io.grpc.stub.BlockingClientCall<?, market.v1.Quote>
        subscribeQuotes(market.v1.SubscribeRequest request) {
      return io.grpc.stub.ClientCalls.blockingV2ServerStreamingCall(
          getChannel(), getSubscribeQuotesMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Lab 08: an upload of trades, confirmed once.
     * </pre>
     */
    @io.grpc.ExperimentalApi("https://github.com/grpc/grpc-java/issues/10918")
    public io.grpc.stub.BlockingClientCall<market.v1.Trade, market.v1.TradeConfirmation>
        uploadTrades() {
      return io.grpc.stub.ClientCalls.blockingClientStreamingCall(
          getChannel(), getUploadTradesMethod(), getCallOptions());
    }

    /**
     * <pre>
     * Lab 09: orders one way, what becomes of them the other way.
     * </pre>
     */
    @io.grpc.ExperimentalApi("https://github.com/grpc/grpc-java/issues/10918")
    public io.grpc.stub.BlockingClientCall<market.v1.TradeOrder, market.v1.TradeEvent>
        tradeStream() {
      return io.grpc.stub.ClientCalls.blockingBidiStreamingCall(
          getChannel(), getTradeStreamMethod(), getCallOptions());
    }
  }

  /**
   * A stub to allow clients to do limited synchronous rpc calls to service MarketData.
   */
  public static final class MarketDataBlockingStub
      extends io.grpc.stub.AbstractBlockingStub<MarketDataBlockingStub> {
    private MarketDataBlockingStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected MarketDataBlockingStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new MarketDataBlockingStub(channel, callOptions);
    }

    /**
     * <pre>
     * Given in every lab.
     * </pre>
     */
    public market.v1.Quote publishQuote(market.v1.Quote request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getPublishQuoteMethod(), getCallOptions(), request);
    }

    /**
     */
    public market.v1.Quote getQuote(market.v1.QuoteRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getGetQuoteMethod(), getCallOptions(), request);
    }

    /**
     */
    public market.v1.HealthReply health(market.v1.HealthRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getHealthMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Lab 07: quotes of some symbols, from a cursor on and then live.
     * </pre>
     */
    public java.util.Iterator<market.v1.Quote> subscribeQuotes(
        market.v1.SubscribeRequest request) {
      return io.grpc.stub.ClientCalls.blockingServerStreamingCall(
          getChannel(), getSubscribeQuotesMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do ListenableFuture-style rpc calls to service MarketData.
   */
  public static final class MarketDataFutureStub
      extends io.grpc.stub.AbstractFutureStub<MarketDataFutureStub> {
    private MarketDataFutureStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected MarketDataFutureStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new MarketDataFutureStub(channel, callOptions);
    }

    /**
     * <pre>
     * Given in every lab.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<market.v1.Quote> publishQuote(
        market.v1.Quote request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getPublishQuoteMethod(), getCallOptions()), request);
    }

    /**
     */
    public com.google.common.util.concurrent.ListenableFuture<market.v1.Quote> getQuote(
        market.v1.QuoteRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getGetQuoteMethod(), getCallOptions()), request);
    }

    /**
     */
    public com.google.common.util.concurrent.ListenableFuture<market.v1.HealthReply> health(
        market.v1.HealthRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getHealthMethod(), getCallOptions()), request);
    }
  }

  private static final int METHODID_PUBLISH_QUOTE = 0;
  private static final int METHODID_GET_QUOTE = 1;
  private static final int METHODID_HEALTH = 2;
  private static final int METHODID_SUBSCRIBE_QUOTES = 3;
  private static final int METHODID_UPLOAD_TRADES = 4;
  private static final int METHODID_TRADE_STREAM = 5;

  private static final class MethodHandlers<Req, Resp> implements
      io.grpc.stub.ServerCalls.UnaryMethod<Req, Resp>,
      io.grpc.stub.ServerCalls.ServerStreamingMethod<Req, Resp>,
      io.grpc.stub.ServerCalls.ClientStreamingMethod<Req, Resp>,
      io.grpc.stub.ServerCalls.BidiStreamingMethod<Req, Resp> {
    private final AsyncService serviceImpl;
    private final int methodId;

    MethodHandlers(AsyncService serviceImpl, int methodId) {
      this.serviceImpl = serviceImpl;
      this.methodId = methodId;
    }

    @java.lang.Override
    @java.lang.SuppressWarnings("unchecked")
    public void invoke(Req request, io.grpc.stub.StreamObserver<Resp> responseObserver) {
      switch (methodId) {
        case METHODID_PUBLISH_QUOTE:
          serviceImpl.publishQuote((market.v1.Quote) request,
              (io.grpc.stub.StreamObserver<market.v1.Quote>) responseObserver);
          break;
        case METHODID_GET_QUOTE:
          serviceImpl.getQuote((market.v1.QuoteRequest) request,
              (io.grpc.stub.StreamObserver<market.v1.Quote>) responseObserver);
          break;
        case METHODID_HEALTH:
          serviceImpl.health((market.v1.HealthRequest) request,
              (io.grpc.stub.StreamObserver<market.v1.HealthReply>) responseObserver);
          break;
        case METHODID_SUBSCRIBE_QUOTES:
          serviceImpl.subscribeQuotes((market.v1.SubscribeRequest) request,
              (io.grpc.stub.StreamObserver<market.v1.Quote>) responseObserver);
          break;
        default:
          throw new AssertionError();
      }
    }

    @java.lang.Override
    @java.lang.SuppressWarnings("unchecked")
    public io.grpc.stub.StreamObserver<Req> invoke(
        io.grpc.stub.StreamObserver<Resp> responseObserver) {
      switch (methodId) {
        case METHODID_UPLOAD_TRADES:
          return (io.grpc.stub.StreamObserver<Req>) serviceImpl.uploadTrades(
              (io.grpc.stub.StreamObserver<market.v1.TradeConfirmation>) responseObserver);
        case METHODID_TRADE_STREAM:
          return (io.grpc.stub.StreamObserver<Req>) serviceImpl.tradeStream(
              (io.grpc.stub.StreamObserver<market.v1.TradeEvent>) responseObserver);
        default:
          throw new AssertionError();
      }
    }
  }

  public static final io.grpc.ServerServiceDefinition bindService(AsyncService service) {
    return io.grpc.ServerServiceDefinition.builder(getServiceDescriptor())
        .addMethod(
          getPublishQuoteMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              market.v1.Quote,
              market.v1.Quote>(
                service, METHODID_PUBLISH_QUOTE)))
        .addMethod(
          getGetQuoteMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              market.v1.QuoteRequest,
              market.v1.Quote>(
                service, METHODID_GET_QUOTE)))
        .addMethod(
          getHealthMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              market.v1.HealthRequest,
              market.v1.HealthReply>(
                service, METHODID_HEALTH)))
        .addMethod(
          getSubscribeQuotesMethod(),
          io.grpc.stub.ServerCalls.asyncServerStreamingCall(
            new MethodHandlers<
              market.v1.SubscribeRequest,
              market.v1.Quote>(
                service, METHODID_SUBSCRIBE_QUOTES)))
        .addMethod(
          getUploadTradesMethod(),
          io.grpc.stub.ServerCalls.asyncClientStreamingCall(
            new MethodHandlers<
              market.v1.Trade,
              market.v1.TradeConfirmation>(
                service, METHODID_UPLOAD_TRADES)))
        .addMethod(
          getTradeStreamMethod(),
          io.grpc.stub.ServerCalls.asyncBidiStreamingCall(
            new MethodHandlers<
              market.v1.TradeOrder,
              market.v1.TradeEvent>(
                service, METHODID_TRADE_STREAM)))
        .build();
  }

  private static abstract class MarketDataBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoFileDescriptorSupplier, io.grpc.protobuf.ProtoServiceDescriptorSupplier {
    MarketDataBaseDescriptorSupplier() {}

    @java.lang.Override
    public com.google.protobuf.Descriptors.FileDescriptor getFileDescriptor() {
      return market.v1.MarketProto.getDescriptor();
    }

    @java.lang.Override
    public com.google.protobuf.Descriptors.ServiceDescriptor getServiceDescriptor() {
      return getFileDescriptor().findServiceByName("MarketData");
    }
  }

  private static final class MarketDataFileDescriptorSupplier
      extends MarketDataBaseDescriptorSupplier {
    MarketDataFileDescriptorSupplier() {}
  }

  private static final class MarketDataMethodDescriptorSupplier
      extends MarketDataBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoMethodDescriptorSupplier {
    private final java.lang.String methodName;

    MarketDataMethodDescriptorSupplier(java.lang.String methodName) {
      this.methodName = methodName;
    }

    @java.lang.Override
    public com.google.protobuf.Descriptors.MethodDescriptor getMethodDescriptor() {
      return getServiceDescriptor().findMethodByName(methodName);
    }
  }

  private static volatile io.grpc.ServiceDescriptor serviceDescriptor;

  public static io.grpc.ServiceDescriptor getServiceDescriptor() {
    io.grpc.ServiceDescriptor result = serviceDescriptor;
    if (result == null) {
      synchronized (MarketDataGrpc.class) {
        result = serviceDescriptor;
        if (result == null) {
          serviceDescriptor = result = io.grpc.ServiceDescriptor.newBuilder(SERVICE_NAME)
              .setSchemaDescriptor(new MarketDataFileDescriptorSupplier())
              .addMethod(getPublishQuoteMethod())
              .addMethod(getGetQuoteMethod())
              .addMethod(getHealthMethod())
              .addMethod(getSubscribeQuotesMethod())
              .addMethod(getUploadTradesMethod())
              .addMethod(getTradeStreamMethod())
              .build();
        }
      }
    }
    return result;
  }
}
