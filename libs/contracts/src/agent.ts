export * from './gen/flotilla/agent/v1/agent_versions_pb.ts';
export * from './gen/flotilla/agent/v1/agents_pb.ts';
export * from './gen/flotilla/agent/v1/conversations_pb.ts';
export * from './gen/flotilla/agent/v1/events_pb.ts';
export * from './gen/flotilla/agent/v1/executions_pb.ts';
export * from './gen/flotilla/agent/v1/prices_pb.ts';
export * from './gen/flotilla/agent/v1/provider_events_pb.ts';
export * from './gen/flotilla/agent/v1/providers_pb.ts';
