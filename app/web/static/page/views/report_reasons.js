/** Why a message is reported, as the server knows it and as people say it. */
export const REASONS = [
  ["spam", "Spam"], ["harassment", "Harassment"], ["hate", "Hate"], ["violence", "Violence"],
  ["sexual", "Sexual content"], ["illegal", "Something illegal"], ["other", "Something else"],
];
